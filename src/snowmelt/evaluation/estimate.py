"""A number and how well it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Estimate:
    """A value and its standard error.

    Attributes:
        spread: the standard error; None where it is unknown.
        freedom: its degrees of freedom where it comes from a few sets, else infinite.
    """

    value: float
    spread: float | None
    freedom: float = math.inf

    @classmethod
    def of_mean(cls, values: Tensor) -> Estimate:
        """The mean of independent values and its standard error. Shapes: (B,), B > 1"""
        error = float(values.std()) / math.sqrt(len(values))
        return cls(float(values.mean()), error)

    def scaled(self, factor: float) -> Estimate:
        """The same in another unit."""
        spread = None if self.spread is None else self.spread * factor
        return Estimate(self.value * factor, spread, self.freedom)
