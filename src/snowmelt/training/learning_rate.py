"""The learning rate over a training: a linear warm-up, then a decay to zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Decay = Literal["none", "cosine", "linear"]


def factor(place: float, *, warmup: float, total: float, decay: Decay) -> float:
    """The share of the largest learning rate that the step after a place has.

    Args:
        place: that of `snowmelt.training.budget`: the number of steps before it.
        warmup: the place at which a linear warm-up has come to 1.
        total: the place at which the training ends, where the decay is at 0.
        decay: how it falls; `none` stays at 1.
    """
    if place < warmup:
        return min((place + 1) / warmup, 1.0)
    return _DECAYS[decay](place - warmup, max(total - warmup, 1))


def _cosine(done: float, total: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * done / total))


def _linear(done: float, total: float) -> float:
    return 1.0 - done / total


def _none(done: float, total: float) -> float:
    return 1.0


_DECAYS: dict[Decay, Callable[[float, float], float]] = {
    "none": _none,
    "cosine": _cosine,
    "linear": _linear,
}
