"""The learning rate over a training: a linear warm-up, then a decay to zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Decay = Literal["none", "cosine", "linear"]


def factor(step: float, *, warmup: float, total: float, decay: Decay) -> float:
    """The share of the largest learning rate that step `step`, counted from 0, has.

    Args:
        warmup: steps of linear warm-up to 1.
        total: steps of the training, after which the decay is at 0.
        decay: how it falls; `none` stays at 1.
    """
    if step < warmup:
        return (step + 1) / warmup
    return _DECAYS[decay](step - warmup, max(total - warmup, 1))


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
