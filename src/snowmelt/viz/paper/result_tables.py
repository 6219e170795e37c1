"""The numbers of a run, of a sweep and of a comparison of models as tables of a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.readings import readings
from snowmelt.evaluation.comparison import (
    Comparison,
    Measured,
    ModelComparison,
    SamplingCost,
)
from snowmelt.evaluation.comparison.compared_jobs import Group
from snowmelt.evaluation.comparison.model_comparison import label
from snowmelt.evaluation.comparison.model_table import cells
from snowmelt.evaluation.comparison.sampling_cost_table import (
    cost_notes,
    cost_rows,
    summary,
)
from snowmelt.evaluation.number_format import number, with_spread
from snowmelt.viz.paper.table import Table

_DRAWS = "±: one standard error, over fresh draws of samples or over held-out examples."


def run_table(name: str, metrics: Mapping[str, Any]) -> Table:
    """Every number of one run beside what real data gets.

    Args:
        metrics: the content of metrics.json.
    """
    rows = [[one.label, one.text, one.floor_text] for one in readings(metrics)]
    return Table(
        f"Results of {name}. {_DRAWS} Another training seed is not in it.",
        ["measure", "value", "real data"],
        [*rows, *_of_model(name, metrics)],
    )


def _of_model(name: str, metrics: Mapping[str, Any]) -> list[list[str]]:
    """The measures that are none of samples: likelihoods and the denoising error."""
    if "protocol" not in metrics:
        return []
    run = Measured(name, metrics)
    rows = []
    for metric in catalogue.METRICS.values():
        value = metrics.get(metric.key)
        if metric.compares and isinstance(value, int | float):
            spread = metrics.get(f"{metric.key}_{metric.spread}")
            unit = f" ({metric.unit})" if metric.unit else ""
            text = with_spread(float(value), spread)
            rows.append([f"{label(metric, run)}{unit}", text, ""])
    return rows


def sweep_table(comparison: Comparison) -> Table:
    """A setting a row, a measure a column; what no other setting beats is bold."""
    others = [{group.label: group for group in one.groups} for one in comparison.others]
    rows = [
        [
            group.label,
            str(group.count),
            _value(group),
            *(_value(by_label.get(group.label)) for by_label in others),
        ]
        for group in comparison.groups
    ]
    floor = "" if comparison.floor is None else f" A perfect model: {_floor(comparison)}."
    measures = [comparison.metric_label, *(one.label for one in comparison.others)]
    first = [n for n, group in enumerate(comparison.groups) if group.rank == 1]
    bold = first if len(first) < len(rows) else []
    told = f" Bold: no setting is surely better by {measures[0]}." if bold else ""
    direction = catalogue.METRICS[comparison.metric].better
    return Table(
        f"Settings by {', '.join(measures)} ({direction}).{floor} {_spread(comparison)}"
        f"{told} {' '.join(comparison.sentences)}",
        [comparison.key, "seeds", *measures],
        rows,
        bold,
    )


def samplers_table(cost: SamplingCost) -> Table:
    """A sampler a row: what it costs, how far its samples are, and how that compares."""
    rows = cost_rows(cost)
    notes = " ".join(cost_notes(cost).split())
    of_model = f" of the model {cost.training}" if cost.training else ""
    values = [list(row.values()) for row in rows]
    return Table(f"Samplers{of_model}. {notes} {summary(cost)}", list(rows[0]), values)


def models_table(comparison: ModelComparison) -> Table:
    """A measure a row, a model a column, and each difference from the first model."""
    first, *others = comparison.models
    rows = []
    for metric in comparison.metrics:
        row = [comparison.label(metric), ""]
        for pair in comparison.pairs:
            found = pair.of(metric.key)
            one, two, difference = cells(found) if found is not None else ("", "", "")
            row[1] = one
            row += [two, difference]
        rows.append(row)
    headings = ["measure", first.label]
    for model in others:
        headings += [model.label, "difference (95 % interval)"]
    return Table(
        f"Differences from {first.label}. {_DRAWS} {' '.join(comparison.sentences)}",
        headings,
        rows,
    )


def _value(group: Group | None) -> str:
    return "" if group is None else with_spread(group.mean, group.spread)


def _floor(comparison: Comparison) -> str:
    assert comparison.floor is not None
    return number(comparison.floor)


def _spread(comparison: Comparison) -> str:
    several: Sequence[Group] = [one for one in comparison.groups if one.count >= 2]
    if len(several) == len(comparison.groups):
        return "±: standard deviation over training seeds."
    return "±: standard deviation over training seeds; with one seed over draws of samples."
