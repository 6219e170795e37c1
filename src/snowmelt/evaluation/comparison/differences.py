r"""The difference of two models: how large it is, how sure, and what would have shown.

Two sets of samples are taken for independent, so the difference $d = b - a$ of two numbers
has the standard error $s = \sqrt{s_a^2 + s_b^2}$, given the real data that both were
measured on. Where values are compared in pairs (`compared_models.paired_error`), $s$ is
that of the mean of their differences. The 95 % interval is $d \pm 1.96\,s$. Where that
holds zero, the two are indistinguishable, which is not to say that they are equal: a
difference of

$$(z_{0.975} + z_{0.8})\,s = 2.80\,s$$

would have shown four times out of five (a test of level 5 % with the power 80 %), and any
smaller one less often. Where an error was estimated from a few sampling seeds, Student's
quantiles stand for the normal ones, with the degrees of freedom of Welch.

References:
    Cohen (1988), "Statistical power analysis for the behavioral sciences", chapter 2.
    Welch (1947), Biometrika 34, 28-35.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from snowmelt.evaluation.catalogue.metric import HIGHER, LOWER, Metric
from snowmelt.evaluation.comparison.compared_models import Known

CONFIDENCE = 0.95
POWER = 0.80


@dataclass(frozen=True)
class Difference:
    """A metric of two models, and what can be said of their difference.

    Attributes:
        one, two: the metric of the first and of the second model.
        paired: the standard error of the difference where values were compared in pairs.
    """

    metric: Metric
    one: Known
    two: Known
    paired: float | None = None

    @property
    def value(self) -> float:
        """The second less the first."""
        return self.two.value - self.one.value

    @property
    def error(self) -> float | None:
        """The standard error of the difference; None where a side's is not known."""
        if self.paired is not None:
            return self.paired or None
        errors = (self.one.error, self.two.error)
        found = [error for error in errors if error is not None]
        return math.hypot(*found) if len(found) == 2 and any(found) else None

    @property
    def freedom(self) -> float:
        """Welch's degrees of freedom of the error; infinite where it is given."""
        if self.paired is not None:
            return math.inf
        shares = [
            (side.error or 0.0) ** 4 / side.freedom
            for side in (self.one, self.two)
            if math.isfinite(side.freedom)
        ]
        return (self.error or 0.0) ** 4 / sum(shares) if sum(shares) > 0 else math.inf

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the difference."""
        if self.error is None:
            return None
        reach = self._quantile(0.5 + CONFIDENCE / 2) * self.error
        return self.value - reach, self.value + reach

    @property
    def smallest(self) -> float | None:
        """The smallest difference that would have shown four times out of five."""
        if self.error is None:
            return None
        quantiles = self._quantile(0.5 + CONFIDENCE / 2) + self._quantile(POWER)
        return quantiles * self.error

    @property
    def is_apart(self) -> bool:
        """Whether the interval excludes zero."""
        return self.interval is not None and not self.interval[0] <= 0.0 <= self.interval[1]

    @property
    def is_better(self) -> bool | None:
        """Whether the second is better; None where it cannot be said."""
        if not self.is_apart or self.metric.better not in (LOWER, HIGHER):
            return None
        return (self.value > 0) == (self.metric.better == HIGHER)

    def _quantile(self, share: float) -> float:
        if math.isinf(self.freedom):
            return float(stats.norm.ppf(share))
        return float(stats.t.ppf(share, self.freedom))
