"""What a comparison says of each setting, and of all, in words that can be quoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from snowmelt.evaluation.catalogue.metric import HIGHER, Metric
from snowmelt.evaluation.comparison.compared_jobs import Group
from snowmelt.evaluation.comparison.disagreement import Pair, listed
from snowmelt.evaluation.comparison.simultaneous_differences import (
    CONFIDENCE,
    Difference,
    SimultaneousDifferences,
)
from snowmelt.evaluation.excess import Excess
from snowmelt.evaluation.number_format import number

ADDITIVE = ("bits/dim", "nats")  # units of which differences are told, and no ratios
ASKED = 0.1  # the difference of which the number of seeds is told, as a share of the value


class Verdicts:
    """Ranks and sentences.

    Args:
        groups: the settings, in any order, at least one.
        metric: that ranks them.
    """

    def __init__(self, groups: Sequence[Group], metric: Metric) -> None:
        self.is_higher_better = metric.better == HIGHER
        sign = -1 if self.is_higher_better else 1
        # Those with several seeds first: of the others no verdict is spoken.
        self._order = sorted(
            groups, key=lambda group: (group.count < 2, sign * group.mean, group.label)
        )
        self._several = [group for group in self._order if group.count >= 2]
        self._single = [group for group in self._order if group.count < 2]
        is_positive = all(min(group.values) > 0 for group in groups)
        self._is_relative = (
            is_positive and not metric.is_share and metric.unit not in ADDITIVE
        )

    def groups(self) -> list[Group]:
        """The settings with rank and verdict, best first, those of one seed at the end.

        The rank counts the settings that are surely better.
        """
        ranked = [
            replace(group, rank=self._rank(place), verdict=self._of_several(group))
            for place, group in enumerate(self._several)
        ]
        return ranked + [
            replace(group, verdict=self._of_single(group)) for group in self._single
        ]

    def summary(self) -> str:
        """The outcome in a few sentences."""
        if len(self._order) == 1:
            only = self._order[0].label
            return f"Only {only} finished: there is nothing to compare it with."
        parts = []
        if len(self._several) > 1:
            parts.append(self._summary_of_several())
        if self._single:
            parts.append(self._summary_of_single())
        return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts)

    def better(self) -> list[Pair]:
        """The pairs of settings of which one is surely better, as (better, worse)."""
        return [
            (one.label, two.label)
            for place, two in enumerate(self._several)
            for one in self._several[:place]
            if self._between(two, one).is_found
        ]

    @cached_property
    def differences(self) -> SimultaneousDifferences:
        """Of the settings with several seeds, of which there are two at least."""
        settings = {group.label: group.by_seed for group in self._several}
        return SimultaneousDifferences(settings, self._is_relative)

    def _between(self, one: Group, two: Group) -> Difference:
        return self.differences.between(one.label, two.label)

    def _rank(self, place: int) -> int | None:
        if len(self._several) == 1 and self._single:
            return None  # beside runs of one seed there is nothing to rank it with
        group, better = self._several[place], self._several[:place]
        return 1 + sum(self._between(group, other).is_found for other in better)

    def _of_several(self, group: Group) -> str:
        best, *rest = self._several
        if not rest:
            return "" if self._single else "nothing to compare with"
        if group is best:
            extreme = "highest" if self.is_higher_better else "lowest"
            ties = [one.label for one in rest if not self._between(one, best).is_found]
            return f"{extreme}, not told apart from {listed(ties)}" if ties else extreme
        found = self._between(group, best)
        if found.is_found:
            return self._said_apart(found, best.label)
        return f"not told apart from {best.label}: {self._interval(found)}"

    def _said_apart(self, found: Difference, best: str) -> str:
        """`1.9 times cosine (1.7 to 2.2)`, or `worse than cosine by 0.3 (0.2 to 0.4)`."""
        if self._is_relative:
            return f"{number(found.value)} times {best} ({_bounds(found)})"
        low, high = sorted((abs(found.low), abs(found.high)))
        size = number(abs(found.value))
        return f"worse than {best} by {size} ({number(low)} to {number(high)})"

    def _interval(self, found: Difference) -> str:
        return f"{_bounds(found)}{' times' if self._is_relative else ''}"

    def _summary_of_several(self) -> str:
        best, *rest = self._several
        found = {group.label: self._between(group, best) for group in rest}
        worse = [label for label, one in found.items() if one.is_found]
        ties = [label for label, one in found.items() if not one.is_found]
        parts = [f"{best.label} is better than {listed(worse)}"] if worse else []
        if ties:
            parts.append(f"{listed([best.label, *ties])} were not told apart")
        said = [f"{'; '.join(parts)} ({self._way()})"]
        if ties:
            said.append(self._missed(max(found[label].visible for label in ties)))
        return ". ".join(said)

    def _way(self) -> str:
        """How many seeds, whether paired, and that all intervals hold together."""
        counts = sorted({group.count for group in self._several})
        seeds = " to ".join(map(str, counts[:: max(len(counts) - 1, 1)]))
        pairs = len(self._several) * (len(self._several) - 1) // 2
        told = f"{seeds} seeds each"
        if self.differences.is_paired:
            told += ", paired by seed"
        together = f", {pairs} comparisons at once" if pairs > 1 else ""
        return f"{told}; intervals of {CONFIDENCE:.0%}{together}"

    def _missed(self, visible: float) -> str:
        """What would have been seen, and what one would need to see less."""
        best = self._several[0]
        size = 1 + ASKED if self._is_relative else ASKED * abs(best.mean)
        told = f"a factor of {number(visible)}" if self._is_relative else number(visible)
        said = f"A difference of {told} would have been found in four of five such sweeps"
        needed = self.differences.seeds_for(size)
        if size >= visible or needed is None:
            return said
        return f"{said}; one of {ASKED:.0%} needs {needed} seeds"

    def _of_single(self, group: Group) -> str:
        """A run beside the run, or the mean, that came out best: no word on settings."""
        others = [other for other in self._order if other is not group]
        if not others:
            return "nothing to compare with"
        sign = -1 if self.is_higher_better else 1
        best = min(self._order, key=lambda other: sign * other.mean)
        if group is best:
            extreme = "highest" if self.is_higher_better else "lowest"
            return f"{extreme} of these runs (one seed)"
        size = number(abs(group.mean - best.mean))
        beyond = "higher" if group.mean > best.mean else "lower"
        said = f"{beyond} than {best.label} by {size} in these runs (one seed)"
        if best.count == 1 and not self._are_runs_apart(group, best):
            said = f"not told apart from {best.label}'s run (one seed)"
        return said

    def _are_runs_apart(self, one: Group, two: Group) -> bool:
        """Whether fresh samples of two runs would differ, all pairs of runs at once."""
        if one.resampling is None or two.resampling is None:
            return False
        if not (one.resampling or two.resampling):
            return False  # no scatter at all is no certainty
        pairs = len(self._single) * (len(self._single) - 1) / 2
        both = (one.mean, one.resampling), (two.mean, two.resampling)
        found = Excess.over(*both, (one.freedom, two.freedom))
        bound = found.quantile(1 - (1 - CONFIDENCE) / (2 * pairs))
        return abs(found.value) > bound * found.error

    def _summary_of_single(self) -> str:
        names = listed([group.label for group in self._single])
        has = "has" if len(self._single) == 1 else "have"
        return (
            f"{names} {has} one seed: what is seen is of the run, and says nothing about"
            " another seed of it"
        )


def _bounds(found: Difference) -> str:
    return f"{number(found.low)} to {number(found.high)}"
