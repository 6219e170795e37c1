"""What measures beside the one that ranks say of the settings of a sweep.

The ranking metric is about samples. Bits per dimension and the denoising error are about
the network on held-out examples, and rank settings in an order of their own. Each that
every finished job measured in one way gets the same verdicts as the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import Metric
from snowmelt.evaluation.catalogue.readings import Reading
from snowmelt.evaluation.comparison.compared_jobs import Group, Job
from snowmelt.evaluation.comparison.compared_models import Measured
from snowmelt.evaluation.comparison.disagreement import Pair
from snowmelt.evaluation.comparison.protocol_differences import differing_fields
from snowmelt.evaluation.comparison.verdicts import Verdicts

Grouped = Callable[[Sequence[Reading | None]], list[Group]]


@dataclass(frozen=True)
class Measure:
    """The settings as one further measure sees them.

    Attributes:
        metric: its key.
        label: its name for people.
        groups: the settings, best first by this measure, with rank and verdict.
        summary: the outcome in a few sentences.
        better: the pairs of settings of which one is surely better.
    """

    metric: str
    label: str
    groups: Sequence[Group]
    summary: str
    better: Sequence[Pair]


def further_measures(jobs: Sequence[Job], main: str, grouped: Grouped) -> list[Measure]:
    """The verdicts of each measure but the main one.

    Args:
        jobs: of which the samples of finished ones were measured in one way.
        main: the key of the metric that ranks.
        grouped: settings out of one reading for each job, None for a failed one.
    """
    found = []
    for metric in catalogue.METRICS.values():
        if not metric.compares or metric.key == main:
            continue
        if readings := _readings(jobs, metric):
            verdicts = Verdicts(grouped(readings), metric)
            groups, summary = verdicts.groups(), verdicts.summary()
            found.append(
                Measure(metric.key, metric.column, groups, summary, verdicts.better())
            )
    return found


def _readings(jobs: Sequence[Job], metric: Metric) -> list[Reading | None]:
    """A metric of every job; nothing unless all finished ones measured it in one way."""
    found: list[Reading | None] = []
    protocols = []
    for job in jobs:
        metrics = job.metrics or {}
        value = metrics.get(metric.key)
        if job.has_failed:
            found.append(None)
            continue
        if not isinstance(value, int | float) or "protocol" not in metrics:
            return []
        spread = metrics.get(f"{metric.key}_{metric.spread}")
        found.append(Reading(metric.key, metric.column, float(value), spread))
        protocols.append(Measured(job.name, metrics).protocol_of(metric.subject))
    first, *others = (protocol or {} for protocol in protocols)
    is_same = first and not any(
        differing_fields(first, one, trained=metric.trained) for one in others
    )
    return found if is_same else []
