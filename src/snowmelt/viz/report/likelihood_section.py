"""The section on likelihood: each measurement with its own number and protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import Metric, Section
from snowmelt.evaluation.number_format import with_spread
from snowmelt.viz.report import nested_tables


@dataclass(frozen=True)
class Line:
    """One number of a section.

    Attributes:
        label: what it is.
        text: the number with its error and unit.
        note: what else is to be known about it.
        protocol: how it was measured, where each number has a protocol of its own.
    """

    label: str
    text: str
    note: str
    protocol: nested_tables.Rows = field(default_factory=list)


def likelihoods(metrics: Mapping[str, Any]) -> list[Line]:
    """What was measured, if anything."""
    protocols = metrics.get("likelihood")
    protocols = protocols if isinstance(protocols, Mapping) else {}
    found = []
    for metric in catalogue.reported_in(Section.LIKELIHOOD):
        protocol = protocols.get(metric.subject.value)
        if protocol is None or metric.key not in metrics:
            continue
        label = metric.label.format_map(protocol)
        note = metric.remarks(metrics, protocol)
        rows = nested_tables.rows(protocol)
        found.append(Line(label, _with_nats(metric, metrics), note, rows))
    return found


def text(metric: Metric, metrics: Mapping[str, Any]) -> str:
    """The value with its error and its unit."""
    error = metrics.get(f"{metric.key}_{metric.spread}")
    return f"{with_spread(metrics[metric.key], error)} {metric.unit}".rstrip()


def _with_nats(metric: Metric, metrics: Mapping[str, Any]) -> str:
    """Bits a dimension, and nats an example where they were measured."""
    others = catalogue.measured_of(metric.subject)
    nats = next((m for m in others if m.unit == "nats" and m.key in metrics), None)
    also = "" if nats is None else f" ({text(nats, metrics)} an example)"
    return text(metric, metrics) + also
