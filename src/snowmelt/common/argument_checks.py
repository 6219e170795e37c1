"""Checks of configured values, each naming its key in the error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from snowmelt.common.errors import UserError, did_you_mean


def integer(key: str, value: Any, *, least: int) -> int:
    """Return `value`, a whole number of at least `least`.

    Raises:
        UserError: it is something else (true and false are no numbers here).
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        names = {0: "a whole number, 0 or more", 1: "a positive integer"}
        kind = names.get(least, f"an integer of at least {least}")
        raise UserError(f"{key} must be {kind}, got {value!r}")
    return value


def fraction(key: str, value: Any) -> float:
    """Return `value`, a number strictly between 0 and 1.

    Raises:
        UserError: it is something else.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 < value < 1:
        raise UserError(f"{key} must be a number between 0 and 1, got {value!r}")
    return float(value)


def text(key: str, value: Any) -> str:
    """Return `value`, a string that is not empty.

    Raises:
        UserError: it is something else.
    """
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{key} must be a text that is not empty, got {value!r}")
    return value


def choice(key: str, value: Any, known: Iterable[Any]) -> Any:
    """Return `value`, one of `known`.

    Raises:
        UserError: it is something else.
    """
    options = list(known)
    if isinstance(value, bool) or value not in options:
        near = did_you_mean(str(value), map(str, options))
        listed = " or ".join(map(str, options))
        raise UserError(f"{key} must be {listed}, got {value!r}{near}")
    return value
