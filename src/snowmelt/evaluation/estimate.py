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

    @classmethod
    def of_share(cls, hits: float, count: int) -> Estimate:
        r"""A share of independent draws; its error is above 0 for none and for all.

        That is the standard deviation of the share given these draws, all shares being
        equally likely beforehand: of $\mathrm{Beta}(h + 1, N - h + 1)$. The binomial one,
        $\sqrt{p(1 - p)/N}$ at the share that was found, is zero at both ends, and for few
        draws of a share near them far too small (Brown, Cai & DasGupta 2001, "Interval
        estimation for a binomial proportion", Statistical Science 16).

        Args:
            hits: of the N = `count` draws, from 0 to N.
        """
        misses = count - hits
        spread = math.sqrt((hits + 1) * (misses + 1) / ((count + 2) ** 2 * (count + 3)))
        return cls(hits / count, spread)

    def scaled(self, factor: float) -> Estimate:
        """The same in another unit."""
        spread = None if self.spread is None else self.spread * factor
        return Estimate(self.value * factor, spread, self.freedom)
