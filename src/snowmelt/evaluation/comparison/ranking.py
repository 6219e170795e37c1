r"""Which setting is better, and whether that can be said at all.

With two seeds or more on both sides, Welch's test decides at 95 %. With one seed on a side
nothing is known about another seed of it. Then the difference must exceed 1.96 standard
errors made of the spread that is known (over fresh draws of samples, or over the other
side's seeds, whichever is larger), and the verdict says "one seed". With no spread at all
the two are indistinguishable.

References:
    Welch (1947), Biometrika 34, 28-35.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
from scipy import stats

from snowmelt.common.errors import UserError
from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import HIGHER, LOWER, Metric
from snowmelt.evaluation.catalogue.readings import Reading, readings
from snowmelt.evaluation.comparison.compared_jobs import Group, Job, labels, mean_known
from snowmelt.evaluation.number_format import number

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """The settings of a sweep and how they compare.

    Attributes:
        metric: the key of the metric that ranks them.
        groups: settings with a finished job, best first if they are ranked, else in the
            order of the jobs.
        failed: jobs that did not finish.
        floor: what two real sets get.
        problem: why nothing is ranked; empty if it is.
        summary: the outcome in a sentence.
        key: the one override that differs, or "setting".
    """

    metric: str
    metric_label: str
    groups: Sequence[Group]
    failed: Sequence[Job]
    floor: float | None
    problem: str
    summary: str
    key: str = "setting"


def compare(jobs: Sequence[Job], metric: str | None = None) -> Comparison:
    """Group the jobs by setting and rank the settings, where that is fair.

    Args:
        metric: the key of the metric to rank by; if there is none, the first one of the
            catalogue that may rank and that every finished job measured.

    Raises:
        UserError: there are no jobs, or the metric has no direction to rank in.
    """
    if not jobs:
        raise UserError("there is nothing to compare: the sweep has no jobs")
    finished = [job for job in jobs if not job.has_failed]
    failed = [job for job in jobs if job.has_failed]
    key, names = labels(jobs)
    entry = _ranking_metric(finished, metric)
    if entry is None:
        problem = f"no {metric or 'distance'} was measured by every finished job"
        problem = problem if finished else "no job finished"
        return Comparison("", "", [], failed, None, problem, f"Not ranked: {problem}.", key)
    known = pd.Series([_read(job, entry.key) for job in jobs], dtype=object)
    floors = [reading.floor for reading in known.dropna() if reading.floor is not None]
    groups = _groups(jobs, names, known)
    problem = _problem(finished)
    if not problem:  # otherwise they stay in the order of the jobs: to sort is to rank
        groups = _ranked(groups, is_higher_better=entry.better == HIGHER)
    return Comparison(
        metric=entry.key,
        metric_label=known.dropna().iloc[0].label,
        groups=groups,
        failed=failed,
        floor=statistics.median(floors) if floors else None,
        problem=problem,
        summary=f"Not ranked: {problem}." if problem else _summary(groups),
        key=key,
    )


def _ranking_metric(finished: Sequence[Job], requested: str | None) -> Metric | None:
    """The metric to rank by, if every finished job measured it."""
    measured = [{item.key for item in readings(job.metrics or {})} for job in finished]
    common = set.intersection(*measured) if measured else set()
    if requested is None:
        return catalogue.ranking(common)
    known = {m.key: m for m in catalogue.METRICS.values() if m.better in (LOWER, HIGHER)}
    if requested not in known:
        raise UserError(f"{requested} does not rank jobs, these do: {', '.join(known)}")
    return known[requested] if requested in common else None


def _read(job: Job, key: str) -> Reading | None:
    """The metric of a job; None for one that failed."""
    metrics = {} if job.has_failed else job.metrics or {}
    return next((item for item in readings(metrics) if item.key == key), None)


def _groups(jobs: Sequence[Job], names: Sequence[str], known: pd.Series) -> list[Group]:
    """Jobs by setting, without the settings of which no job finished."""
    frame = pd.DataFrame({"label": names, "job": jobs, "reading": known})
    groups = []
    for label, rows in frame.groupby("label", sort=False):
        found = rows["reading"].dropna()
        if len(found):
            values = [reading.value for reading in found]
            spread = mean_known([reading.spread for reading in found])
            groups.append(Group(str(label), rows["job"].tolist(), values, spread))
    return groups


def are_apart(one: Group, two: Group) -> bool:
    """Whether the difference of two settings is more than chance; see the module."""
    difference = abs(one.mean - two.mean)
    first, second = one.over_seeds, two.over_seeds
    if first is not None and second is not None:
        if first == second == 0.0:
            return difference > 0.0
        test = stats.ttest_ind_from_stats(
            one.mean, first, one.count, two.mean, second, two.count, equal_var=False
        )
        return bool(test.pvalue < 1 - CONFIDENCE)
    spreads = [group.spread for group in (one, two) if group.spread is not None]
    if not spreads:
        return False
    # A single seed is trusted no more than the worse side.
    errors = [
        max(spreads) if spread is None else spread / math.sqrt(group.count)
        for group, spread in ((one, first), (two, second))
    ]
    return difference > float(stats.norm.ppf(0.5 + CONFIDENCE / 2)) * math.hypot(*errors)


def _ranked(groups: Sequence[Group], *, is_higher_better: bool) -> list[Group]:
    """Groups with rank and verdict; the rank counts the settings that are surely better."""
    sign = -1 if is_higher_better else 1
    groups = sorted(groups, key=lambda group: (sign * group.mean, group.label))
    extreme, beyond = ("highest", "lower") if is_higher_better else ("lowest", "higher")
    return [
        replace(
            group,
            rank=1 + sum(are_apart(other, group) for other in groups[:place]),
            verdict=_verdict(group, groups, extreme, beyond),
        )
        for place, group in enumerate(groups)
    ]


def _verdict(group: Group, groups: Sequence[Group], extreme: str, beyond: str) -> str:
    """How a setting compares with the best, in words."""
    best = groups[0]
    if len(groups) == 1:
        return "nothing to compare with"
    if group is best:
        ties = [other.label for other in groups[1:] if not are_apart(best, other)]
        said = f"{extreme}, but indistinguishable from {_listed(ties)}" if ties else extreme
    elif are_apart(best, group):
        worse = "worse" if min(group.count, best.count) > 1 else beyond
        said = f"{worse} than {best.label} by {number(abs(group.mean - best.mean))}"
    else:
        said = f"indistinguishable from {best.label}"
    return f"{said} (one seed)" if group.count == 1 else said


def _summary(groups: Sequence[Group]) -> str:
    """The outcome in one sentence, from groups in their order."""
    best = groups[0]
    if len(groups) == 1:
        return f"Only {best.label} finished: there is nothing to compare it with."
    ties = [group.label for group in groups[1:] if not are_apart(best, group)]
    worse = [group.label for group in groups[1:] if are_apart(best, group)]
    parts = []
    single = any(group.count == 1 for group in groups)
    if worse:
        came_out = "higher" if best.mean > groups[-1].mean else "lower"
        better = f"came out {came_out} than" if single else "is better than"
        parts.append(f"{best.label} {better} {_listed(worse)}")
    if ties:
        parts.append(f"{_listed([best.label, *ties])} are indistinguishable")
    said = "; ".join(parts)
    if single:
        said += "; a setting with one seed says nothing about another seed"
    return said[0].upper() + said[1:] + "."


def _listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _problem(finished: Sequence[Job]) -> str:
    """Why these jobs must not be ranked together, or nothing."""
    unknown = [job.name for job in finished if not job.protocol]
    if unknown:
        return f"the protocol of {_listed(unknown)} is not known"
    protocols = {str(job.protocol) for job in finished}
    if len(protocols) > 1:
        names = _listed(sorted({digest[:12] for digest in protocols}))
        return f"the jobs were measured under different protocols ({names})"
    return ""
