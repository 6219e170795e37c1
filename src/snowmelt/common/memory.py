"""Memory that runs out: one line that names what to lower, instead of a traceback."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from snowmelt.common.errors import UserError

# How libraries say it that have no exception for it.
SAID = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "std::bad_alloc",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


class OutOfMemory(UserError):
    """This machine, or its GPU, has not the memory that was asked for."""


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there was no memory left."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # torch's own class, without an import of torch.
    is_told = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return is_told or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in SAID)
    )


@contextlib.contextmanager
def naming(advice: str) -> Iterator[None]:
    """Turn a lack of memory in the block into one line.

    Args:
        advice: what to do about it.

    Raises:
        OutOfMemory: there was no memory left.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, UserError) or not ran_out(error):
            raise
        raise OutOfMemory(f"there is not enough memory{_asked(error)}: {advice}") from None


def _asked(error: Exception) -> str:
    """The first sentence of the error, which often says for how much, in brackets."""
    text = " ".join(str(error).split())
    text = text.partition("DefaultCPUAllocator: ")[2] or text
    first = text.partition(". ")[0][:160]
    return f" ({first})" if first else ""
