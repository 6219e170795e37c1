"""The one exception that stands for a user's mistake."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user gave: a key, a file, a combination.

    The message is all that the user sees (no traceback), so it must name the file or the
    key, say what is wrong and say what to do. Anything else that is raised is a defect
    of snowmelt and keeps its traceback.
    """


class PictureWarning(RuntimeWarning):
    """A picture that could not be drawn, beside results that stand without it.

    The message holds the traceback: it is a defect of snowmelt, and the tests turn the
    warning into an error.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'cosine'?)"`` for a near miss among `known`, else ``""``."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
