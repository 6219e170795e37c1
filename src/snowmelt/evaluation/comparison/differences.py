"""The difference of two models: how large it is, how sure, and what would have shown.

Two sets of samples are taken for independent, and their errors add in squares. Where values
are compared in pairs (`compared_models.paired_error`), the error is that of the mean of
their differences. What an interval is, and what would have shown where it holds zero,
stands in `snowmelt.evaluation.excess`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from snowmelt.evaluation.catalogue.metric import HIGHER, LOWER, Metric
from snowmelt.evaluation.comparison.compared_models import Known
from snowmelt.evaluation.excess import Excess


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

    @cached_property
    def known(self) -> Excess | None:
        """The difference with its error; None where a side's is not known."""
        if self.paired is not None:
            return Excess(self.value, self.paired) if self.paired else None
        errors = (self.one.error, self.two.error)
        if None in errors or not any(errors):
            return None
        one, two = ((side.value, side.error or 0.0) for side in (self.one, self.two))
        return Excess.over(one, two, (self.one.freedom, self.two.freedom))

    @property
    def error(self) -> float | None:
        """The standard error of the difference."""
        return None if self.known is None else self.known.error

    @property
    def freedom(self) -> float:
        """The degrees of freedom of the error; infinite where it is given."""
        return math.inf if self.known is None else self.known.freedom

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the difference."""
        return None if self.known is None else self.known.interval

    @property
    def smallest(self) -> float | None:
        """The smallest difference that would have shown four times out of five."""
        return None if self.known is None else self.known.detectable

    @property
    def is_apart(self) -> bool:
        """Whether the interval excludes zero."""
        return self.known is not None and not self.known.holds_zero

    @property
    def is_better(self) -> bool | None:
        """Whether the second is better; None where it cannot be said."""
        if not self.is_apart or self.metric.better not in (LOWER, HIGHER):
            return None
        return (self.value > 0) == (self.metric.better == HIGHER)
