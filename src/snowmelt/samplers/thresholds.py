"""Thresholds: keeping the estimate of the data where data can be.

References:
    Saharia et al. (2022), arXiv:2205.11487, section 2.3 (static and dynamic).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor


class Threshold(ABC):
    """A map of estimates of the data, for images in [-1, 1]; points have no such range."""

    @abstractmethod
    def __call__(self, x_0: Tensor) -> Tensor:
        """Shapes: x_0: (B, *D) -> (B, *D)"""


class Clip(Threshold):
    """Cut at -1 and 1."""

    def __call__(self, x_0: Tensor) -> Tensor:
        return x_0.clamp(-1.0, 1.0)
