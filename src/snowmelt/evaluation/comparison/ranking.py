r"""Which setting is better, and whether that can be said at all.

With two seeds or more on both sides, Welch's test decides at 95 %: the means $m_i$ of $n_i$
seeds with standard deviations $s_i$ are apart when

$$|m_1 - m_2| > t_{0.975,\nu}\sqrt{u_1 + u_2}, \qquad u_i = s_i^2 / n_i, \qquad
  \nu = \frac{(u_1 + u_2)^2}{u_1^2/(n_1-1) + u_2^2/(n_2-1)}.$$

With one seed on a side nothing is known about another seed of it. Then the difference
must exceed 1.96 standard errors made of the spread that is known (over fresh draws of
samples, or over the other side's seeds, whichever is larger), and the verdict says "one
seed". With no spread at all the two are indistinguishable.

References:
    Welch (1947), Biometrika 34, 28-35.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy import stats

from snowmelt.common.errors import UserError
from snowmelt.common.number_format import number
from snowmelt.evaluation.comparison.compared_jobs import Group, Job, labels
from snowmelt.viz.report.readings import DISTANCES, Reading, readings

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """The settings of a sweep and how they stand to each other.

    Attributes:
        metric: the key of the metric that ranks them.
        metric_label: what it is called.
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


def compare(jobs: Sequence[Job]) -> Comparison:
    """Group the jobs by setting and rank the settings, where that is fair.

    Raises:
        UserError: there are no jobs.
    """
    if not jobs:
        raise UserError("there is nothing to compare: the sweep has no jobs")
    finished = [job for job in jobs if not job.has_failed]
    failed = [job for job in jobs if job.has_failed]
    key = _differing_key(jobs)
    metric = next((name for name in DISTANCES if _all_have(name, finished)), "")
    if not metric:
        problem = "no distance was measured by every finished job"
        problem = problem if finished else "no job finished"
        return Comparison("", "", [], failed, None, problem, f"Not ranked: {problem}.", key)
    known = [_read(job, metric) for job in finished]
    floors = [reading.floor for reading in known if reading.floor is not None]
    groups = _groups(jobs, metric)
    problem = _problem(finished)
    if not problem:  # otherwise they stay in the order of the jobs: to sort is to rank
        groups = _ranked(sorted(groups, key=lambda group: (group.mean, group.label)))
    return Comparison(
        metric=metric,
        metric_label=known[0].label,
        groups=groups,
        failed=failed,
        floor=statistics.median(floors) if floors else None,
        problem=problem,
        summary=f"Not ranked: {problem}." if problem else _summary(groups),
        key=key,
    )


def are_apart(one: Group, two: Group) -> bool:
    """Whether the difference of two settings is more than chance; see the module."""
    difference = abs(one.mean - two.mean)
    if one.over_seeds is not None and two.over_seeds is not None:
        u, v = one.over_seeds**2 / one.count, two.over_seeds**2 / two.count
        if u + v == 0.0:
            return difference > 0.0
        freedom = (u + v) ** 2 / (u**2 / (one.count - 1) + v**2 / (two.count - 1))
        critical = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom))
        return difference > critical * math.sqrt(u + v)
    known = [group.spread for group in (one, two) if group.spread is not None]
    if not known:
        return False
    largest = max(known)
    error = math.hypot(*(_standard_error(group, largest) for group in (one, two)))
    return difference > float(stats.norm.ppf(0.5 + CONFIDENCE / 2)) * error


def _standard_error(group: Group, largest: float) -> float:
    """Of the mean over seeds; a single seed is trusted no more than the worse side."""
    if group.over_seeds is None:
        return largest
    return group.over_seeds / math.sqrt(group.count)


def _groups(jobs: Sequence[Job], metric: str) -> list[Group]:
    """Jobs by setting, without the settings of which no job finished."""
    groups = []
    for setting, label in labels(jobs).items():
        members = [job for job in jobs if job.setting == setting]
        known = [_read(job, metric) for job in members if not job.has_failed]
        if not known:
            continue
        spreads = [reading.spread for reading in known if reading.spread is not None]
        groups.append(
            Group(
                label=label,
                jobs=members,
                values=[reading.value for reading in known],
                resampling=statistics.fmean(spreads) if spreads else None,
            )
        )
    return groups


def _ranked(groups: Sequence[Group]) -> list[Group]:
    """Groups with rank and verdict; the rank counts the settings that are surely better."""
    best = groups[0]
    ranked = []
    for place, group in enumerate(groups):
        better = sum(are_apart(other, group) for other in groups[:place])
        verdict = _verdict(group, best, groups)
        ranked.append(replace(group, rank=1 + better, verdict=verdict))
    return ranked


def _verdict(group: Group, best: Group, groups: Sequence[Group]) -> str:
    """How a setting stands to the best, in words."""
    if len(groups) == 1:
        return "nothing to compare with"
    if group is best:
        ties = [other.label for other in groups[1:] if not are_apart(best, other)]
        said = f"lowest, but indistinguishable from {_listed(ties)}" if ties else "lowest"
    elif are_apart(best, group):
        worse = "worse" if min(group.count, best.count) > 1 else "higher"
        said = f"{worse} than {best.label} by {number(group.mean - best.mean)}"
    else:
        said = f"indistinguishable from {best.label}"
    return f"{said} (one seed)" if group.count == 1 else said


def _summary(groups: Sequence[Group]) -> str:
    """The outcome in one sentence."""
    best = groups[0]
    if len(groups) == 1:
        return f"Only {best.label} finished: there is nothing to compare it with."
    ties = [group.label for group in groups[1:] if not are_apart(best, group)]
    worse = [group.label for group in groups[1:] if are_apart(best, group)]
    parts = []
    single = any(group.count == 1 for group in groups)
    if worse:
        better = "came out lower than" if single else "is better than"
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
    protocols = sorted({str(job.protocol)[:12] for job in finished})
    if len({job.protocol for job in finished}) > 1:
        return f"the jobs were measured under different protocols ({_listed(protocols)})"
    return ""


def _all_have(metric: str, jobs: Sequence[Job]) -> bool:
    known = [{reading.key for reading in readings(job.metrics or {})} for job in jobs]
    return bool(jobs) and all(metric in keys for keys in known)


def _read(job: Job, metric: str) -> Reading:
    return next(item for item in readings(job.metrics or {}) if item.key == metric)


def _differing_key(jobs: Sequence[Job]) -> str:
    """The name of the one override that differs, for the head of the table."""
    keys = sorted({key for job in jobs for key, _ in job.setting})
    differing = [k for k in keys if len({dict(job.setting).get(k) for job in jobs}) > 1]
    return differing[0] if len(differing) == 1 else "setting"
