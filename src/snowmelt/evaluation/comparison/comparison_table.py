"""A comparison as text for the terminal, as CSV and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from snowmelt.common.csv_table import csv_text
from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import Metric
from snowmelt.evaluation.comparison.compared_jobs import Group, Job
from snowmelt.evaluation.comparison.further_measures import Measure
from snowmelt.evaluation.comparison.ranking import Comparison
from snowmelt.evaluation.number_format import duration, number, percent, with_spread


def comparison_table(comparison: Comparison) -> str:
    """The whole outcome as plain text with aligned columns."""
    lines = []
    if comparison.groups:
        rows = comparison_rows(comparison)
        lines += [tabulate(rows, "keys", "simple", disable_numparse=True)]
        for measure in comparison.others:
            rows = measure_rows(measure, comparison.key)
            lines += ["", tabulate(rows, "keys", "simple", disable_numparse=True)]
        lines += ["", spread_note(comparison.groups)]
    for text in failures(comparison):
        lines += ["", text]
    said = [line for text in comparison.sentences for line in ("", text)]
    return "\n".join([*lines, *said]).lstrip("\n")


def comparison_rows(comparison: Comparison) -> list[dict[str, str]]:
    """One row a setting, of those columns that have a value somewhere."""
    return filled([_row(group, comparison) for group in comparison.groups])


def filled(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The rows without columns that are empty in all of them."""
    return [
        {key: value for key, value in row.items() if any(other[key] for other in rows)}
        for row in rows
    ]


def failures(comparison: Comparison) -> list[str]:
    """Nothing, or one text: what failed and why, a line for each job."""
    if not comparison.failed:
        return []
    return ["\n".join(["failed:", *(f"  {job.failure}" for job in comparison.failed)])]


def _row(group: Group, comparison: Comparison) -> dict[str, str]:
    """One setting; a column without a value stays empty."""
    floor, seconds = comparison.floor, group.seconds
    others = {}
    for metric in catalogue.METRICS.values():
        if metric.column:
            others[metric.column] = _other(metric, group, comparison.others)
    return {
        "rank": "-" if group.rank is None else str(group.rank),
        comparison.key: group.label,
        "seeds": str(group.count),
        comparison.metric_label: with_spread(group.mean, group.spread),
        "floor": "" if floor is None else number(floor),
        **others,
        "time": "" if seconds is None else duration(seconds),
        "verdict": group.verdict or "not ranked",
    }


def _other(metric: Metric, group: Group, measures: Sequence[Measure]) -> str:
    """Another metric of a setting, with its spread where there is a verdict by it."""
    for measure in measures:
        if measure.metric == metric.key:
            found = next((one for one in measure.groups if one.label == group.label), None)
            return "" if found is None else with_spread(found.mean, found.spread)
    value = group.mean_of(metric.key)
    if value is None:
        return ""
    return percent(value) if metric.is_share else number(value)


def measure_rows(measure: Measure, key: str) -> list[dict[str, str]]:
    """The settings in the order of another measure, with its verdict."""
    return [
        {
            "rank": "-" if group.rank is None else str(group.rank),
            key: group.label,
            measure.label: with_spread(group.mean, group.spread),
            "verdict": group.verdict,
        }
        for group in measure.groups
    ]


def spread_note(groups: Sequence[Group]) -> str:
    """What stands behind the error bars."""
    several = any(group.count >= 2 for group in groups)
    single = any(group.count == 1 and group.resampling is not None for group in groups)
    if several and single:
        return (
            "±: standard deviation over seeds; with one seed, over fresh draws of samples."
        )
    if several:
        return "±: standard deviation over seeds."
    if single:
        return (
            "±: standard deviation over fresh draws of samples; another seed is not in it."
        )
    return "One seed each and no spread: no error bars."


def comparison_csv(comparison: Comparison) -> str:
    """One line a job, failed ones too: overrides, status, every flat metric."""
    jobs = [*(job for group in comparison.groups for job in group.jobs)]
    jobs += [job for job in comparison.failed if job not in jobs]
    return csv_text([_flat(job) for job in jobs])


def _flat(job: Job) -> dict[str, Any]:
    metrics = {
        key: value
        for key, value in (job.metrics or {}).items()
        if isinstance(value, int | float | str)
    }
    status = {"status": "failed" if job.has_failed else "finished", "seconds": job.seconds}
    end = {"error": job.reason} if job.has_failed else {"protocol_digest": job.protocol}
    return {"name": job.name, **job.overrides, **status, **metrics, **end}


def comparison_dict(comparison: Comparison) -> dict[str, Any]:
    """The outcome as plain values, for JSON."""
    return {
        "metric": comparison.metric,
        "metric_label": comparison.metric_label,
        "floor": comparison.floor,
        "is_ranked": bool(comparison.groups) and not comparison.problem,
        "problem": comparison.problem,
        "summary": comparison.summary,
        "groups": _group_dicts(comparison.groups),
        "other_measures": [
            {
                "metric": one.metric,
                "metric_label": one.label,
                "summary": one.summary,
                "groups": _group_dicts(one.groups),
            }
            for one in comparison.others
        ],
        "disagreement": comparison.disagreement,
        "failed": [
            {"name": job.name, "overrides": dict(job.overrides), "error": job.reason}
            for job in comparison.failed
        ],
    }


def _group_dicts(groups: Sequence[Group]) -> list[dict[str, Any]]:
    return [
        {
            "setting": group.jobs[0].setting,
            "label": group.label,
            "seeds": group.count,
            "mean": group.mean,
            "spread_over_seeds": group.over_seeds,
            "spread_over_draws": group.resampling,
            "rank": group.rank,
            "verdict": group.verdict,
            "jobs": [job.name for job in group.jobs if not job.has_failed],
        }
        for group in groups
    ]
