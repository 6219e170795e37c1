"""The numbers of a run, of a sweep and of a comparison of models as tables of a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import Metric
from snowmelt.evaluation.catalogue.readings import Reading, readings
from snowmelt.evaluation.comparison import (
    Comparison,
    Measured,
    ModelComparison,
    SamplingCost,
)
from snowmelt.evaluation.comparison.compared_jobs import Group
from snowmelt.evaluation.comparison.comparison_table import spread_note
from snowmelt.evaluation.comparison.model_comparison import label
from snowmelt.evaluation.comparison.model_table import PAIRED, cells, pooled
from snowmelt.evaluation.comparison.sampling_cost_table import cost_notes, cost_rows
from snowmelt.evaluation.number_format import number, with_spread
from snowmelt.viz.paper.table import Table

_DRAWS = "±: one standard error, over fresh draws of samples or over held-out examples."
_SMALLEST = (
    "Where an interval holds zero, no difference was found; detectable is one that would"
    " have been found in four of five such evaluations."
)
_REAL = (
    "Real data: held-out examples in the place of samples; of a distance what a perfect"
    f" model gets. {_SMALLEST}"
)


def run_table(name: str, metrics: Mapping[str, Any]) -> Table:
    """Every number of one run beside what real data gets, and the difference.

    Args:
        metrics: the content of metrics.json.
    """
    # How well classifiers do on real data says nothing of the model.
    known = [one for one in readings(metrics) if one.better or one.floor is not None]
    rows = [[one.label, one.text, one.floor_text, *_above(one)] for one in known]
    return Table(
        f"Results of {name}. {_DRAWS} {_REAL} Another training seed is in none of it.",
        ["measure", "value", "real data", "difference (95 % interval)", "detectable"],
        [*rows, *_of_model(name, metrics)],
        widths=[0.28, 0.0, 0.0, 0.0, 0.0],
        size="footnotesize",
    )


def _above(one: Reading) -> tuple[str, str]:
    """What the value has above that of real data, and what would have been found."""
    if (found := one.excess) is None:
        return "", ""
    low, high = (one.plain(end) for end in found.interval)
    return f"{one.plain(found.value)} ({low} to {high})", one.plain(found.detectable)


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
            text = with_spread(float(value), spread)
            rows.append([_with_unit(label(metric, run), metric), text, "", "", ""])
    return rows


def _with_unit(name: str, metric: Metric) -> str:
    """A measure's name, and what its values are counted in."""
    return f"{name} ({metric.unit})" if metric.unit else name


def sweep_tables(comparison: Comparison) -> list[Table]:
    """The values of each setting by each measure, and the verdict by each measure."""
    return [_values(comparison), _verdicts(comparison)]


def _values(comparison: Comparison) -> Table:
    """A setting a row, a measure a column; what no other setting surely beats is bold."""
    columns = _columns(comparison)
    rows = [
        [group.label, str(group.count), *(_value(one.get(group.label)) for one in columns)]
        for group in comparison.groups
    ]
    first, *others = _measures(comparison)
    floor = "" if comparison.floor is None else number(comparison.floor)
    told = f" By {first} a perfect model gets {floor}." if floor else ""
    bold = _unbeaten(comparison, columns)
    if bold:
        told += " Bold: no setting is surely better by this measure."
    direction = catalogue.METRICS[comparison.metric].better
    by = f"{first} ({direction}{', as for the others' if others else ''})"
    return Table(
        f"Settings by {by}.{told} {spread_note(comparison.groups)}",
        [comparison.key, "seeds", first, *others],
        rows,
        bold,
        name="settings",
    )


def _verdicts(comparison: Comparison) -> Table:
    """How each setting compares with the one that is best by a measure."""
    columns = _columns(comparison)
    rows = [
        [group.label, *(_verdict(one.get(group.label)) for one in columns)]
        for group in comparison.groups
    ]
    return Table(
        "How each setting compares with the best one, by each measure. In parentheses the"
        " 95 % intervals over training seeds; those of one measure hold all at once.",
        [comparison.key, *_measures(comparison)],
        rows,
        name="verdicts",
        widths=[0.0, *[0.8 / len(columns)] * len(columns)],
    )


def _measures(comparison: Comparison) -> list[str]:
    return [comparison.metric_label, *(one.label for one in comparison.others)]


def _columns(comparison: Comparison) -> list[dict[str, Group]]:
    """The settings by name, as each measure sees them."""
    measured = [comparison.groups, *(one.groups for one in comparison.others)]
    return [{group.label: group for group in groups} for groups in measured]


def _unbeaten(
    comparison: Comparison, columns: Sequence[Mapping[str, Group]]
) -> list[tuple[int, int]]:
    """The cells of rank 1, but for measures by which all settings have it."""
    return [
        (row, 2 + place)
        for place, by_label in enumerate(columns)
        if any(group.rank not in (None, 1) for group in by_label.values())
        for row, group in enumerate(comparison.groups)
        if group.label in by_label and by_label[group.label].rank == 1
    ]


def samplers_table(cost: SamplingCost) -> Table:
    """A sampler a row: what it costs, how far its samples are, and how that compares."""
    rows = cost_rows(cost)
    notes = " ".join(cost_notes(cost).split())
    of_model = f" of the model {cost.training}" if cost.training else ""
    values = [list(row.values()) for row in rows]
    return Table(
        f"Samplers{of_model}. {notes}",
        list(rows[0]),
        values,
        name="samplers",
        size="footnotesize",
    )


def models_table(comparison: ModelComparison) -> Table:
    """A measure a row, a model a column, and each difference from the first model."""
    first, *others = comparison.models
    rows = []
    for metric in comparison.metrics:
        row = [_with_unit(comparison.label(metric), metric), pooled(metric, first)]
        for pair in comparison.pairs:
            found = pair.of(metric.key)
            row += cells(found)[1:] if found is not None else ("", "", "")
        rows.append(row)
    headings = ["measure", first.label]
    for model in others:
        headings += [model.label, "difference (95 % interval)", "detectable"]
    about = f"Differences from {first.label}. {_SMALLEST}" if others else "One model."
    differences = [found for pair in comparison.pairs for found in pair.differences]
    paired = f" {PAIRED}" if any(one.paired is not None for one in differences) else ""
    return Table(
        f"{about} {_DRAWS}{paired} No other training is in it.",
        headings,
        rows,
        name="differences",
        widths=[0.3, *[0.0] * (len(headings) - 1)],
        size="footnotesize",
    )


def _value(group: Group | None) -> str:
    return "" if group is None else with_spread(group.mean, group.spread)


def _verdict(group: Group | None) -> str:
    return "" if group is None else group.verdict
