"""The catalogue: one entry for each number of metrics.json.

A new metric is a function and an entry. The function stands with its mathematics; the entry
in `sample_entries`, `transport_entries` or `model_entries` says what the number is called,
how it is read, which real data it is compared with and where it stands in the report. The
stages evaluate and report, the comparison of jobs and the tracker know metrics by this
catalogue alone.
"""

from __future__ import annotations

from collections.abc import Container

from snowmelt.evaluation.catalogue.completion_entries import COMPLETION_METRICS
from snowmelt.evaluation.catalogue.metric import Metric, Section, Subject
from snowmelt.evaluation.catalogue.model_entries import MODEL_METRICS
from snowmelt.evaluation.catalogue.sample_entries import SAMPLE_METRICS
from snowmelt.evaluation.catalogue.transport_entries import TRANSPORT_METRICS

__all__ = [
    "METRICS",
    "Metric",
    "Section",
    "Subject",
    "measured_of",
    "ranking",
    "reported_in",
]

METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (*SAMPLE_METRICS, *COMPLETION_METRICS, *TRANSPORT_METRICS, *MODEL_METRICS)
}


def measured_of(subject: Subject) -> list[Metric]:
    """The entries that are measured of a subject, in this order."""
    return [metric for metric in METRICS.values() if metric.subject is subject]


def reported_in(section: Section) -> list[Metric]:
    """The entries of a section of the report, in this order."""
    return [metric for metric in METRICS.values() if metric.section is section]


def ranking(measured: Container[str]) -> Metric | None:
    """The metric that ranks jobs and leads the report, of those that were measured."""
    return next((m for m in METRICS.values() if m.ranks and m.key in measured), None)
