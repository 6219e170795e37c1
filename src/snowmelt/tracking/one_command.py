"""One wait for the store at the end of a command, however many runs it closed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Close = Callable[[], None]
_deferred: list[Close] | None = None


@contextlib.contextmanager
def one_command() -> Iterator[None]:
    """Wait for the store once, at the end of a command, instead of after each stage."""
    global _deferred
    if _deferred is not None:
        yield
        return
    _deferred = []
    try:
        yield
    finally:
        closing, _deferred = _deferred, None
        if closing:
            # What earlier stages left is left behind, which the last one sends too.
            closing[-1]()


def at_the_end(close: Close) -> None:
    """Call `close` now, or where a command is under way at its end."""
    if _deferred is None:
        close()
    else:
        _deferred.append(close)
