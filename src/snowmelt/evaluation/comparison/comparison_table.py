"""A comparison as text for the terminal, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence
from typing import Any

from snowmelt.common.number_format import duration, number, percent, with_spread
from snowmelt.evaluation.comparison.compared_jobs import Group, Job
from snowmelt.evaluation.comparison.ranking import Comparison


def comparison_table(comparison: Comparison) -> str:
    """The whole outcome as plain text with aligned columns."""
    lines = []
    if comparison.groups:
        rows = [_row(group, comparison) for group in comparison.groups]
        lines += _aligned(_head(comparison), rows)
        lines += ["", _spread_note(comparison.groups)]
    if comparison.failed:
        lines += ["", "failed:"]
        lines += [f"  {job.told}: {job.reason}" for job in comparison.failed]
    return "\n".join([*lines, "", comparison.summary]).lstrip("\n")


def _head(comparison: Comparison) -> list[str]:
    head = ["rank", comparison.key, "seeds", comparison.metric_label]
    return [*head, "floor", "> 90 % sure", "time", "verdict"]


def _row(group: Group, comparison: Comparison) -> list[str]:
    """One setting; a column without a value stays empty."""
    floor = comparison.floor
    sure = mean_of(group, "confident_share")
    return [
        "-" if group.rank is None else str(group.rank),
        group.label,
        str(group.count),
        with_spread(group.mean, group.spread),
        "" if floor is None else number(floor),
        "" if sure is None else percent(sure),
        "" if group.seconds is None else duration(group.seconds),
        group.verdict or "not ranked",
    ]


def mean_of(group: Group, key: str) -> float | None:
    """The mean of another metric over the finished jobs, where all have it."""
    found = [(job.metrics or {}).get(key) for job in group.jobs if not job.has_failed]
    numbers = [float(value) for value in found if isinstance(value, int | float)]
    return statistics.fmean(numbers) if numbers and len(numbers) == len(found) else None


def _aligned(head: list[str], rows: list[list[str]]) -> list[str]:
    """Columns as wide as their widest cell; columns without any value are left out."""
    keep = [column for column in range(len(head)) if any(row[column] for row in rows)]
    table = [[line[column] for column in keep] for line in (head, *rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(keep))]
    padded = [map(str.ljust, line, widths) for line in table]
    lines = ["  ".join(line).rstrip() for line in padded]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _spread_note(groups: Sequence[Group]) -> str:
    """What the error bars are."""
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
    rows = [_flat(job) for job in jobs]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _flat(job: Job) -> dict[str, Any]:
    """A job as one line of a table."""
    metrics = {
        key: value
        for key, value in (job.metrics or {}).items()
        if isinstance(value, int | float | str)
    }
    known = {"name": job.name, **job.overrides, "status": _status(job)}
    known["seconds"] = job.seconds
    told = {"error": job.reason} if job.has_failed else {"protocol_digest": job.protocol}
    return {**known, **metrics, **told}


def _status(job: Job) -> str:
    return "failed" if job.has_failed else "finished"


def comparison_dict(comparison: Comparison) -> dict[str, Any]:
    """The outcome as plain values, for JSON."""
    return {
        "metric": comparison.metric,
        "metric_label": comparison.metric_label,
        "floor": comparison.floor,
        "is_ranked": bool(comparison.groups) and not comparison.problem,
        "problem": comparison.problem,
        "summary": comparison.summary,
        "groups": [
            {
                "setting": dict(group.jobs[0].setting),
                "label": group.label,
                "seeds": group.count,
                "mean": group.mean,
                "spread_over_seeds": group.over_seeds,
                "spread_over_draws": group.resampling,
                "rank": group.rank,
                "verdict": group.verdict,
                "jobs": [job.name for job in group.jobs if not job.has_failed],
            }
            for group in comparison.groups
        ],
        "failed": [
            {"name": job.name, "overrides": dict(job.overrides), "error": job.reason}
            for job in comparison.failed
        ],
    }
