"""A comparison of models as text for the terminal, as CSV and as JSON."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from snowmelt.common.csv_table import csv_text
from snowmelt.evaluation.catalogue.metric import HIGHER, LOWER, Metric
from snowmelt.evaluation.comparison.compared_models import Known, Model
from snowmelt.evaluation.comparison.differences import Difference
from snowmelt.evaluation.comparison.model_comparison import ModelComparison, Pair
from snowmelt.evaluation.excess import CONFIDENCE, POWER
from snowmelt.evaluation.number_format import number, percent, with_spread

PAIRED = "*: in pairs, on the same held-out examples or from the same noise."


def model_table(comparison: ModelComparison) -> str:
    """The whole outcome as plain text: a table for each pair, and what it says."""
    parts = [_pair_table(comparison, pair) for pair in comparison.pairs]
    if not parts:
        parts = [_single_table(comparison)]
    parts.append("±: one standard error, over fresh draws of samples or over examples.")
    if any(d.paired is not None for pair in comparison.pairs for d in pair.differences):
        parts[-1] += f"\n{PAIRED}"
    if comparison.left_out:
        lines = [f"  {name}: {reason}" for name, reason in comparison.left_out.items()]
        parts.append("\n".join(["not compared:", *lines]))
    return "\n\n".join([*parts, "\n".join(comparison.sentences)])


def _pair_table(comparison: ModelComparison, pair: Pair) -> str:
    rows = [
        {
            "metric": comparison.label(found.metric),
            pair.one.label: _text(found, found.one),
            pair.two.label: _text(found, found.two),
            "difference": _signed(found, found.value) + _star(found),
            "95 % interval": _interval(found),
            "verdict": verdict(found),
        }
        for found in pair.differences
    ]
    return _table(rows)


def _single_table(comparison: ModelComparison) -> str:
    """One model under several sampling seeds: each value, and their mean."""
    (model,) = comparison.models
    rows = []
    for metric in comparison.metrics:
        mean = model.known(metric)
        if mean is None:
            continue
        each = {
            f"{run.name} (seed {seed})": number(run.metrics[metric.key])
            for run, seed in zip(model.runs, model.seeds, strict=True)
        }
        text = with_spread(mean.value, mean.error)
        rows.append({"metric": comparison.label(metric), **each, "mean": text})
    return _table(rows)


def _table(rows: list[dict[str, str]]) -> str:
    columns = {key: [row[key] for row in rows] for key in rows[0]} if rows else {}
    return tabulate(columns, "keys", "simple", disable_numparse=True)


def verdict(found: Difference) -> str:
    """What can be said of one difference, in a few words."""
    if found.error is None or found.smallest is None:
        return "equal" if found.value == 0 else "its error is not known"
    if not found.is_apart:
        return f"indistinguishable: {_size(found, found.smallest)} would have shown"
    if found.is_better is None:
        return "apart; no direction is better"
    return "better" if found.is_better else "worse"


def cells(found: Difference) -> tuple[str, str, str, str]:
    """Both values, the difference with its 95 % interval, and what would have shown.

    A star stands with a difference in pairs, which is surer than both errors would have it.
    """
    interval = _interval(found)
    difference = _signed(found, found.value) + (f" ({interval})" if interval else "")
    difference += _star(found)
    smallest = "" if found.smallest is None else _size(found, found.smallest)
    return _text(found, found.one), _text(found, found.two), difference, smallest


def pooled(metric: Metric, model: Model) -> str:
    """A number of one model over all its sampling seeds, or nothing."""
    known = model.known(metric)
    return "" if known is None else value_text(metric, known)


def _text(found: Difference, known: Known) -> str:
    return value_text(found.metric, known)


def value_text(metric: Metric, known: Known) -> str:
    """A number with its standard error."""
    if not metric.is_share:
        return with_spread(known.value, known.error)
    if not known.error:
        return percent(known.value)
    return f"{100 * known.value:.1f} ± {100 * known.error:.1f} %"


def _star(found: Difference) -> str:
    """What `PAIRED` explains, behind a difference in pairs."""
    return " *" if found.paired is not None else ""


def _interval(found: Difference) -> str:
    if found.interval is None:
        return ""
    low, high = found.interval
    return f"{_signed(found, low)} to {_signed(found, high)}"


def _signed(found: Difference, value: float) -> str:
    size = _size(found, abs(value))
    return size if value == 0 else f"{'-' if value < 0 else '+'}{size}"


def _size(found: Difference, value: float) -> str:
    return percent(value) if found.metric.is_share else number(value)


def model_csv(comparison: ModelComparison) -> str:
    """One line for each metric of each pair."""
    return csv_text(
        [_flat(pair, found) for pair in comparison.pairs for found in pair.differences]
    )


def _flat(pair: Pair, found: Difference) -> dict[str, Any]:
    low, high = found.interval or (None, None)
    return {
        "one": pair.one.name,
        "two": pair.two.name,
        "metric": found.metric.key,
        "one_value": found.one.value,
        "one_error": found.one.error,
        "two_value": found.two.value,
        "two_error": found.two.error,
        "difference": found.value,
        "error": found.error,
        "is_paired": found.paired is not None,
        "low": low,
        "high": high,
        "smallest_that_would_have_shown": found.smallest,
        "is_apart": found.is_apart,
        "better": _better(pair, found),
    }


def _better(pair: Pair, found: Difference) -> str | None:
    if found.is_better is None:
        return None
    return pair.two.name if found.is_better else pair.one.name


def model_dict(comparison: ModelComparison) -> dict[str, Any]:
    """The outcome as plain values, for JSON."""
    return {
        "confidence": CONFIDENCE,
        "power": POWER,
        "main_metric": None if comparison.main is None else comparison.main.key,
        "across": list(comparison.across),
        "models": [_model(model) for model in comparison.models],
        "metrics": [
            {
                "key": metric.key,
                "label": comparison.label(metric),
                "better": metric.better if metric.better in (LOWER, HIGHER) else None,
            }
            for metric in comparison.metrics
        ],
        "differences": [
            _flat(pair, d) for pair in comparison.pairs for d in pair.differences
        ],
        "not_compared": dict(comparison.left_out),
        "summary": comparison.sentences,
    }


def _model(model: Model) -> dict[str, Any]:
    said = model.runs[0].protocol
    return {
        "name": model.name,
        "runs": [run.name for run in model.runs],
        "sampling_seeds": model.seeds,
        "checkpoint": said.get("checkpoint"),
        "checkpoint_step": said.get("checkpoint_step"),
    }
