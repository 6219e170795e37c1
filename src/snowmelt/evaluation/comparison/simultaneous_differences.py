r"""All differences between settings over seeds, with intervals that hold together.

With $k$ settings there are $k(k-1)/2$ differences, and one of them is large by chance more
often than any that was named before. The intervals here are wide enough that all of them
hold at once in 95 of 100 sweeps (Tukey): a difference of two means is compared with

$$\frac{q_{0.95}(k, \nu)}{\sqrt 2}\, s, $$

where $q$ is the studentised range of $k$ means with $\nu$ degrees of freedom and $s$ the
standard error of the difference.

Where every setting has the same seeds, seeds are blocks: with equal initial weights, data
order and noise a good seed is good for all, and what the seed does to every setting drops
out of the differences. Then $s^2 = 2 \hat\sigma^2 / n$ with $\hat\sigma^2$ the residual
variance of the table of settings by seeds, $\nu = (k-1)(n-1)$; with two settings this is
the paired t test. Otherwise $\hat\sigma^2$ is the pooled variance within the settings,
$\nu = \sum_i (n_i - 1)$ and $s^2 = \hat\sigma^2 (1/n_1 + 1/n_2)$ (Tukey-Kramer).

Settings may scatter differently, and a pooled variance is too small for the worst of them.
So $s$ is never less than what the two settings alone say of their difference. That costs
power, and no truth: too few differences are found rather than too many.

Distances are compared by their logarithms, since their scatter grows with them: differences
are ratios then.

References:
    Tukey (1949), "Comparing individual means in the analysis of variance". Kramer (1956),
    "Extension of multiple range tests to group means with unequal numbers of replications".
"""

from __future__ import annotations

import bisect
import functools
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

CONFIDENCE, POWER = 0.95, 0.8
_MOST_SEEDS = 1000

Values = Mapping[str, float]  # of one setting, by training seed


@dataclass(frozen=True)
class Difference:
    """The first setting against the second: a difference, or a ratio.

    Attributes:
        value: the first's mean less the second's; of logarithms, the ratio.
        low, high: its interval.
        visible: how large a difference, or how large a ratio, would have been found in
            four of five such sweeps.
        is_found: the interval leaves equality out.
    """

    value: float
    low: float
    high: float
    visible: float
    is_found: bool


class SimultaneousDifferences:
    """The differences of settings that have two seeds or more.

    Args:
        settings: the values of each, by training seed.
        is_relative: compare logarithms.

    Raises:
        ValueError: fewer than two settings, one with fewer than two seeds, or a value that
            has no logarithm.
    """

    def __init__(self, settings: Mapping[str, Values], is_relative: bool) -> None:
        if len(settings) < 2 or any(len(values) < 2 for values in settings.values()):
            raise ValueError("two settings or more, with two seeds or more, are compared")
        if is_relative and any(min(values.values()) <= 0 for values in settings.values()):
            raise ValueError("values below zero have no ratio")
        self.is_relative = is_relative
        self._settings = {
            name: {s: math.log(v) if is_relative else v for s, v in values.items()}
            for name, values in settings.items()
        }
        seeds = {frozenset(values) for values in settings.values()}
        self.is_paired = len(seeds) == 1

    @cached_property
    def freedom(self) -> int:
        """The degrees of freedom of the common variance."""
        counts = [len(values) for values in self._settings.values()]
        if self.is_paired:
            return (len(counts) - 1) * (counts[0] - 1)
        return sum(count - 1 for count in counts)

    @cached_property
    def variance(self) -> float:
        """The variance of one value that settings (and seeds) leave unexplained."""
        if self.is_paired:
            seeds = sorted(next(iter(self._settings.values())))
            table = np.array([[v[s] for s in seeds] for v in self._settings.values()])
            rest = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
        else:
            rest = np.concatenate(
                [
                    np.array(list(values.values())) - statistics.fmean(values.values())
                    for values in self._settings.values()
                ]
            )
        return float(np.square(rest).sum()) / self.freedom

    def between(self, one: str, two: str) -> Difference:
        """How the first differs from the second."""
        first, second = self._settings[one], self._settings[two]
        value = statistics.fmean(first.values()) - statistics.fmean(second.values())
        error = max(self._common_error(first, second), self._own_error(first, second))
        factor = _factor(len(self._settings), self.freedom)
        margin = factor * error
        # A sum that should be zero is so only to rounding.
        is_found = abs(value) > margin + 1e-12 * (1 + abs(value))
        visible = (factor + float(stats.t.ppf(POWER, self.freedom))) * error
        told = math.exp if self.is_relative else float
        low, high = told(value - margin), told(value + margin)
        return Difference(told(value), low, high, told(visible), is_found)

    def seeds_for(self, size: float) -> int | None:
        """How many seeds a setting needs to see a difference in four of five sweeps.

        Args:
            size: of the difference; of logarithms, the ratio.

        Returns:
            None for more than a thousand.
        """
        wanted = math.log(size) if self.is_relative else size
        enough = bisect.bisect_left(
            range(2, _MOST_SEEDS + 1), True, key=lambda n: self._visible_with(n) <= wanted
        )
        return None if enough == _MOST_SEEDS - 1 else 2 + enough

    def _visible_with(self, seeds: int) -> float:
        """What so many seeds would show; it falls with their number."""
        count = len(self._settings)
        freedom = (count - 1 if self.is_paired else count) * (seeds - 1)
        factor = _factor(count, freedom) + float(stats.t.ppf(POWER, freedom))
        return factor * math.sqrt(2 * self.variance / seeds)

    def _common_error(self, first: Values, second: Values) -> float:
        return math.sqrt(self.variance * (1 / len(first) + 1 / len(second)))

    def _own_error(self, first: Values, second: Values) -> float:
        if self.is_paired:
            pairs = [first[seed] - second[seed] for seed in first]
            return statistics.stdev(pairs) / math.sqrt(len(pairs))
        return math.hypot(
            *(statistics.stdev(v.values()) / math.sqrt(len(v)) for v in (first, second))
        )


@functools.cache
def _factor(count: int, freedom: int) -> float:
    """How many standard errors a difference of two of `count` means may have by chance."""
    if count == 2:
        return float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom))
    return float(stats.studentized_range.ppf(CONFIDENCE, count, freedom)) / math.sqrt(2)
