"""Names of classes: none empty, and no two that only look different."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from snowmelt.common.errors import UserError


def check(key: str, names: Sequence[str]) -> None:
    """Refuse names that are nearly the same.

    `Cat` and `cat` are two folders on one file system and one on another; a space at an
    end, or a letter and its accent stored as two, nobody sees. As two classes they split
    what is one.

    Args:
        key: under which they were given, for the error.

    Raises:
        UserError: two names differ in case, spaces or form only, or one is empty.
    """
    known: dict[str, str] = {}
    for name in names:
        plain = " ".join(unicodedata.normalize("NFC", name).split()).casefold()
        if not plain:
            raise UserError(f"{key}: a class has no name ({name!r}): give it one")
        if plain in known:
            raise UserError(
                f"{key}: the classes {known[plain]!a} and {name!a} differ in case, spaces"
                " or the form of a letter only: give both one name, or clearly different"
                " ones"
            )
        known[plain] = name
