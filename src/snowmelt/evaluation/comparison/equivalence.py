r"""Whether two distances are the same, shown as such instead of not shown to differ.

A difference that was not found is no equality: few samples find none. Two one-sided tests
(TOST) turn the burden of proof round. With the measured distance $d$ of expectation
$\delta$, the reference $r$ of expectation $\rho$ and a margin $m$, two are equivalent if

$$(1 - m)\,\rho < \delta < (1 + m)\,\rho ,$$

and that is said where both $\delta \ge (1 + m)\,\rho$ and $\delta \le (1 - m)\,\rho$ are
refused at the level $\alpha$. Each is a test of $d - (1 \pm m)\,r$, whose standard error
$\sqrt{s_d^2 + (1 \pm m)^2 s_r^2}$ holds that of the reference, by which the margin is
uncertain too. Since both have to be refused, two that differ by exactly $m$ are called
equivalent in at most $\alpha$ of all cases, without a correction.

Different are two that were shown to be more than $m$ apart, to either side. There are two
chances for that, so each is tested at $\alpha / 2$. All else is not known.

Of two that are equal in truth, four of five such measurements say so if
$m\,r \ge (z_{1-\alpha} + z_{0.9})\,s$. Errors fall with the root of the number of samples,
or faster, so this tells how many are needed.

The two are taken for independent. Samples that start from the same noise are alike, if
anything; then the errors are smaller than is assumed, and too little is said.

References:
    Schuirmann (1987), "A comparison of the two one-sided tests procedure and the power
    approach for assessing the equivalence of average bioavailability", Journal of
    Pharmacokinetics and Biopharmaceutics 15, 657-680. Berger & Hsu (1996), "Bioequivalence
    trials, intersection-union tests and equivalence confidence sets", Statistical Science
    11, 283-319. Fieller (1954), "Some problems in interval estimation", Journal of the
    Royal Statistical Society B 16, 175-185.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from functools import cached_property

from snowmelt.evaluation.comparison.compared_models import Known
from snowmelt.evaluation.excess import POWER, Excess

LEVEL = 0.05


class Answer(enum.StrEnum):
    """What the tests say."""

    EQUIVALENT = "equivalent"
    DIFFERENT = "different"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Equivalence:
    """A distance beside the reference that it shall be equivalent to.

    Attributes:
        margin: the largest difference of equivalent ones, as a share of the reference.
    """

    reference: Known
    value: Known
    margin: float

    @property
    def ratio(self) -> float:
        """The value as a multiple of the reference; not a number where that is none."""
        both = self.value.value, self.reference.value
        return both[0] / both[1] if both[1] > 0 else math.nan

    @property
    def answer(self) -> Answer:
        """Equivalent, different or not known."""
        if self._ends is None:
            return Answer.UNKNOWN
        low, high = self._ends
        if low.is_above_zero(LEVEL) and high.is_below_zero(LEVEL):
            return Answer.EQUIVALENT
        if low.is_below_zero(LEVEL / 2) or high.is_above_zero(LEVEL / 2):
            return Answer.DIFFERENT
        return Answer.UNKNOWN

    def needed(self, count: int) -> int | None:
        """How many samples on each side would show equality, in four of five cases.

        Two that differ, by less than the margin, need more.

        Args:
            count: how many there were, of the side with fewer.

        Returns:
            None where an error is not known, or the reference is not above zero.
        """
        if self._ends is None or self.reference.value <= 0:
            return None
        high = self._ends[1]
        wanted = high.quantile(1 - LEVEL) + high.quantile((1 + POWER) / 2)
        times = (wanted * high.error / (self.margin * self.reference.value)) ** 2
        return math.ceil(count * times)

    @cached_property
    def _ends(self) -> tuple[Excess, Excess] | None:
        """What the value has above either end of the margin; None without its error."""
        both = self.reference.error, self.value.error
        if None in both or not any(both):
            return None
        return self._above(1 - self.margin), self._above(1 + self.margin)

    def _above(self, share: float) -> Excess:
        return Excess.over(
            (share * self.reference.value, share * (self.reference.error or 0.0)),
            (self.value.value, self.value.error or 0.0),
            (self.reference.freedom, self.value.freedom),
        )
