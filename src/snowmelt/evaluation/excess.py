r"""What lies between a number and its floor, how sure that is, and what would have shown.

Samples and held-out examples are independent, so the difference $d$ of value and floor has
the standard error $s = \sqrt{s_v^2 + s_f^2}$, given the training split that both are
compared with. The 95 % interval is $d \pm z_{0.975}\, s$. One that holds zero does not say
that the two are equal. It says that a difference of

$$(z_{0.975} + z_{0.8})\, s = 2.80\, s$$

or more would have been found, the interval lying beside zero, in four of five such
evaluations; a smaller one less often. Where an error comes from a few sets, Student's
quantiles stand for the normal ones, with the degrees of freedom of Welch.

References:
    Cohen (1988), "Statistical power analysis for the behavioral sciences", chapter 2.
    Welch (1947), Biometrika 34, 28-35.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from scipy import stats

CONFIDENCE, POWER = 0.95, 0.80


@dataclass(frozen=True)
class Excess:
    """A difference and its standard error.

    Attributes:
        freedom: the degrees of freedom of the error.
    """

    value: float
    error: float
    freedom: float = math.inf

    @classmethod
    def over(
        cls,
        floor: tuple[float, float],
        value: tuple[float, float],
        freedoms: tuple[float, float] = (math.inf, math.inf),
    ) -> Excess:
        """The difference of two independent estimates.

        Args:
            floor, value: each with its standard error; not both errors are zero.
            freedoms: the degrees of freedom of the two errors.
        """
        errors = (floor[1], value[1])
        error = math.hypot(*errors)
        parts = sum(
            (one / error) ** 4 / of for one, of in zip(errors, freedoms, strict=True)
        )
        return cls(value[0] - floor[0], error, 1 / parts if parts > 0 else math.inf)

    @property
    def half_width(self) -> float:
        """Of the 95 % interval."""
        return self.quantile(0.5 + CONFIDENCE / 2) * self.error

    @property
    def interval(self) -> tuple[float, float]:
        return self.value - self.half_width, self.value + self.half_width

    @property
    def holds_zero(self) -> bool:
        """Whether no difference was found."""
        low, high = self.interval
        return low <= 0.0 <= high

    @property
    def detectable(self) -> float:
        """The difference that four of five such evaluations would have found."""
        return self.half_width + self.quantile(POWER) * self.error

    def is_above_zero(self, level: float) -> bool:
        """Whether one test of one side, at this level, shows it to be above zero."""
        return self.value > self.quantile(1 - level) * self.error

    def is_below_zero(self, level: float) -> bool:
        """The same of below."""
        return -self.value > self.quantile(1 - level) * self.error

    def quantile(self, share: float) -> float:
        """Of the difference, in standard errors."""
        return _quantile(share, self.freedom)


@functools.lru_cache(maxsize=4096)
def _quantile(share: float, freedom: float) -> float:
    if math.isinf(freedom):
        return float(stats.norm.ppf(share))
    return float(stats.t.ppf(share, freedom))
