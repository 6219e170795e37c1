"""Checks of arguments; each error names the argument and its value.

The functions `check_*` are for the constructors of the mathematics: they raise ValueError,
which `snowmelt.common.instantiate.build` turns into a UserError with the name of the class.
The others are for parts that know the key in the configuration under which a value stands.
The sections of the configuration declare their bounds instead: `snowmelt.common.section`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from snowmelt.common.errors import UserError, did_you_mean


def check_positive(**arguments: float) -> None:
    """Refuse what is not a finite number above 0.

    Raises:
        ValueError: naming the first such argument.
    """
    for name, value in arguments.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")


def check_not_negative(**arguments: float) -> None:
    """Refuse what is not a finite number from 0 up.

    Raises:
        ValueError: naming the first such argument.
    """
    for name, value in arguments.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be at least 0 and finite, got {value}")


def check_between_0_and_1(**arguments: float) -> None:
    """Refuse what does not lie strictly between 0 and 1.

    Raises:
        ValueError: naming the first such argument.
    """
    for name, value in arguments.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value}")


def check_rising(**arguments: float) -> None:
    """Refuse two arguments of which the second does not lie above the first.

    Raises:
        ValueError: naming both.
    """
    (low_name, low), (high_name, high) = arguments.items()
    if not -math.inf < low < high < math.inf:
        raise ValueError(
            f"{high_name} must lie above {low_name}, both finite, got"
            f" {low_name}={low}, {high_name}={high}"
        )


def check_at_least(least: int, **arguments: int) -> None:
    """Refuse a count below `least`.

    Raises:
        ValueError: naming the first such argument.
    """
    for name, value in arguments.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def check_count(least: int = 1, **arguments: int) -> None:
    """Refuse what is not a whole number of at least `least`.

    Raises:
        ValueError: naming the first such argument.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be a whole number from {least} up, got {value}")


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


def positive(key: str, value: Any) -> float:
    """Return `value`, a finite number above 0.

    Raises:
        UserError: it is something else.
    """
    if not _is_number(value) or not 0 < value < math.inf:
        raise UserError(f"{key} must be a positive number, got {value!r}")
    return float(value)


def fraction(key: str, value: Any) -> float:
    """Return `value`, a number strictly between 0 and 1.

    Raises:
        UserError: it is something else.
    """
    if not _is_number(value) or not 0 < value < 1:
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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
