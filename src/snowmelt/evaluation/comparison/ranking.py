"""Which setting is better, and whether that can be said at all.

Settings with two seeds or more are compared over seeds, all with each other at once: see
`snowmelt.evaluation.comparison.simultaneous_differences`. Of a setting with one seed
nothing is known but the one run: it has no rank, and how it compares is said of runs.

A difference that was not found is not equality, so the size is said that would have been.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from snowmelt.common.errors import UserError
from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import HIGHER, LOWER, Metric
from snowmelt.evaluation.catalogue.readings import Reading, readings
from snowmelt.evaluation.comparison.compared_jobs import Group, Job, labels, mean_known
from snowmelt.evaluation.comparison.disagreement import disagreement, listed
from snowmelt.evaluation.comparison.further_measures import Measure, further_measures
from snowmelt.evaluation.comparison.verdicts import Verdicts


@dataclass(frozen=True)
class Comparison:
    """The settings of a sweep and how they compare.

    Attributes:
        metric: the key of the metric that ranks them.
        groups: settings with a finished job, best first if they are ranked, else in the
            order of the jobs.
        failed: jobs that did not finish.
        floor: what a perfect model gets.
        problem: why nothing is ranked; empty if it is.
        summary: the outcome in a sentence.
        key: the one override that differs, or "setting".
        others: the same settings by other measures, where they are ranked.
        disagreement: where the measures differ, in words; empty where they do not.
    """

    metric: str
    metric_label: str
    groups: Sequence[Group]
    failed: Sequence[Job]
    floor: float | None
    problem: str
    summary: str
    key: str = "setting"
    others: Sequence[Measure] = ()
    disagreement: str = ""

    @property
    def sentences(self) -> list[str]:
        """The whole outcome in words: by the metric that ranks, then by each other."""
        said = [self.summary, *(f"By {one.label}: {one.summary}" for one in self.others)]
        return [*said, self.disagreement] if self.disagreement else said


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
    known = [_read(job, entry.key) for job in jobs]
    read = [reading for reading in known if reading is not None]
    floors = [reading.floor for reading in read if reading.floor is not None]
    groups = _groups(jobs, names, known)
    problem = _problem(finished)
    summary = f"Not ranked: {problem}."
    others: list[Measure] = []
    apart = ""
    if not problem:  # otherwise they stay in the order of the jobs: to sort is to rank
        verdicts = Verdicts(groups, entry)
        groups, summary = verdicts.groups(), verdicts.summary()
        others = further_measures(jobs, entry.key, partial(_groups, jobs, names))
        told = {one.label: one.better for one in others}
        apart = disagreement({read[0].label: verdicts.better(), **told})
    return Comparison(
        metric=entry.key,
        metric_label=read[0].label,
        groups=groups,
        failed=failed,
        floor=statistics.median(floors) if floors else None,
        problem=problem,
        summary=summary,
        key=key,
        others=others,
        disagreement=apart,
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


def _groups(
    jobs: Sequence[Job], names: Sequence[str], known: Sequence[Reading | None]
) -> list[Group]:
    """Jobs by setting, without the settings of which no job finished.

    Args:
        known: the reading of each job; None of one that failed.
    """
    found_of = pd.Series(known, dtype=object)
    frame = pd.DataFrame({"label": names, "job": jobs, "reading": found_of})
    groups = []
    for label, rows in frame.groupby("label", sort=False):
        found = rows["reading"].dropna()
        if len(found):
            jobs_of = rows.loc[found.index, "job"]
            by_seed: dict[str, list[float]] = {}
            for job, reading in zip(jobs_of, found, strict=True):
                by_seed.setdefault(job.seed, []).append(reading.value)
            means = {seed: statistics.fmean(values) for seed, values in by_seed.items()}
            spread = mean_known([reading.spread for reading in found])
            freedom = sum(reading.freedoms[1] for reading in found)
            groups.append(Group(str(label), rows["job"].tolist(), means, spread, freedom))
    return groups


def _problem(finished: Sequence[Job]) -> str:
    """Why these jobs must not be ranked together, or nothing."""
    unknown = [job.name for job in finished if not job.protocol]
    if unknown:
        return f"the protocol of {listed(unknown)} is not known"
    protocols = {str(job.protocol) for job in finished}
    if len(protocols) > 1:
        names = listed(sorted({digest[:12] for digest in protocols}))
        return f"the jobs were measured under different protocols ({names})"
    return ""
