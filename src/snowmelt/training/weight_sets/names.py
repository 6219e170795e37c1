"""The names of a checkpoint's sets of weights, as `sample.weights` gives them.

`ema` is the average, `raw` the weights of the last step, `ema_0.999` a further average by
its decay, `posthoc_0.05` the power-function average of that length.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator

from snowmelt.training.weight_sets.power_average import LONGEST

EMA, RAW = "ema", "raw"
_DECAY, _POSTHOC = "ema_", "posthoc_"


def decay_in(name: str) -> float | None:
    """The decay of a further average that a name means."""
    return _number(name, _DECAY)


def length_in(name: str) -> float | None:
    """The length of a power-function average that a name means."""
    return _number(name, _POSTHOC)


def of_decay(decay: float) -> str:
    """A decay in plain digits, all of them, as names have it: 0.999, 0.00001."""
    digits = f"{Decimal(repr(decay)):f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def is_name(name: str) -> bool:
    decay, length = decay_in(name), length_in(name)
    is_decay = decay is not None and 0 <= decay < 1
    is_length = length is not None and 0.001 <= length < LONGEST
    return name in (EMA, RAW) or is_decay or is_length


def said(name: str) -> str:
    """Which weights they are, in a word or two."""
    if (decay := decay_in(name)) is not None:
        return f"averaged (decay {of_decay(decay)})"
    if (length := length_in(name)) is not None:
        return f"averaged (post hoc, length {length:g})"
    return {EMA: "averaged", RAW: "raw"}.get(name, "")


def _number(name: str, prefix: str) -> float | None:
    digits = name.removeprefix(prefix)
    is_plain = digits != name and digits.replace(".", "", 1).isdigit() and digits.isascii()
    return float(digits) if is_plain else None


def _checked(name: str) -> str:
    if not is_name(name):
        raise ValueError(
            "must be ema, raw, one like ema_0.999 (a decay of training.ema.further) or one"
            f" like posthoc_0.05 (a length from 0.001 to {LONGEST:.4f}; needs"
            " training.ema.snapshots)"
        )
    return name


# The two that every checkpoint has are named for those who mistype them.
Weights = Annotated[Literal["ema", "raw"] | str, AfterValidator(_checked)]
