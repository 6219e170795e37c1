"""The one exception that stands for a user's mistake."""

from __future__ import annotations

import contextlib
import difflib
import traceback
import warnings
from collections.abc import Iterable, Iterator


class UserError(Exception):
    """A mistake in what the user gave: a key, a file, a combination.

    The message is all that the user sees (no traceback), so it must name the file or the
    key, say what is wrong and say what to do. Anything else that is raised is a defect
    of snowmelt and keeps its traceback.
    """


class StorageError(UserError):
    """A place that cannot be written: it is full, closed to the user, or broken."""


class PictureWarning(RuntimeWarning):
    """A picture that could not be drawn, beside results that stand without it.

    The message holds the traceback: it is a defect of snowmelt, and the tests turn the
    warning into an error.
    """


@contextlib.contextmanager
def left_out_if_it_fails(name: str) -> Iterator[None]:
    """Turn an exception of the block into a `PictureWarning` that shows its traceback.

    A picture, or an array for one, stands beside results that may have taken hours: a
    defect in it must be seen, but must not cost them.
    """
    try:
        yield
    except StorageError:
        raise  # what comes next would not find room either
    except Exception:  # a defect of ours, whatever it is
        said = f"{name} could not be drawn and is left out:\n{traceback.format_exc()}"
        # Of whoever entered the block: above this function and contextlib's.
        warnings.warn(said, PictureWarning, stacklevel=3)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'cosine'?)"`` for a near miss among `known`, else ``""``."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
