"""A sweep in the tracker: its jobs under names of their own, and what came of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import HIGHER
from snowmelt.evaluation.comparison import Comparison, Job
from snowmelt.evaluation.number_format import number
from snowmelt.pipeline.config.overrides import groups
from snowmelt.tracking import SweepJob, descriptions
from snowmelt.tracking.run import Run
from snowmelt.viz.report.sweep_description import sweep_description


def tracked_job(told: Mapping[str, str], overrides: Sequence[str], root: Path) -> SweepJob:
    """What the process of a job is told of its run.

    Args:
        told: what sets the job apart, `{"schedule": "cosine", "seed": "1"}`.
        overrides: all that it was given.
    """
    # With --multirun, a file of conf/sweep/ gives way to what is named beside it.
    texts = [text for text in overrides if not text.startswith("paths.root=")]
    command = shlex.join(["snowmelt", "pipeline", "--multirun", *texts])
    return SweepJob(title(told, groups(root)), tuple(told), command)


def title(told: Mapping[str, str], parts: Iterable[str]) -> str:
    """A job in words, "cosine, seed 1": parts by their names, the rest with its key."""
    known, lasts = set(parts), [key.rpartition(".")[2] for key in told]
    words = []
    for key, value in told.items():
        last = key.rpartition(".")[2]
        said = last if lasts.count(last) == 1 else key
        words.append(value if key in known else f"{said.replace('_', ' ')} {value}")
    return ", ".join(words)


def tell(
    parent: Run,
    comparison: Comparison,
    files: Sequence[Path],
    numbers: Mapping[str, Path],
    data: str,
    command: str,
) -> None:
    """Say in the tracker what came of a sweep, and register the model of its best run.

    Args:
        files: of the comparison.
        numbers: the metrics.json of each job, by its name.
        data: the name of the data, which the registered model has too.
        command: what runs the sweep again.
    """
    for file in files:
        parent.log_file(file, "comparison")
    names = [file.name for file in files]
    text = sweep_description(comparison, names, descriptions.artifact_link, command)
    verdict, _, rest = text.partition("\n\n")  # the page folds all but the first lines
    newest = f"{verdict} [The newest comparison]({descriptions.run_link()})\n\n{rest}"
    parent.describe(text, experiment=newest)
    parent.share_comparison()
    if (best := best_job(comparison)) is not None:
        tags, said = _tags(comparison, best), _said(comparison, best)
        parent.register_best(numbers[best.name], data, tags, said)


def best_job(comparison: Comparison) -> Job | None:
    """The job with the best number of the best setting; None where nothing is ranked."""
    if comparison.problem or not comparison.groups:
        return None
    key = comparison.metric
    jobs = [job for job in comparison.groups[0].jobs if not job.has_failed]
    sign = -1 if catalogue.METRICS[key].better == HIGHER else 1
    return min(jobs, key=lambda job: sign * float((job.metrics or {})[key]))


def _tags(comparison: Comparison, best: Job) -> dict[str, str]:
    """What was measured of the best run, and how."""
    metrics = best.metrics or {}
    protocol = {
        f"protocol.{key}": str(value)
        for key, value in metrics.get("protocol", {}).items()
        if isinstance(value, str | int | float)
    }
    value = str(metrics[comparison.metric])
    return {"setting": _setting(best), comparison.metric: value, **protocol}


def _said(comparison: Comparison, best: Job) -> str:
    count = sum(len(group.jobs) for group in comparison.groups)
    value = number((best.metrics or {})[comparison.metric])
    said = f"{_setting(best)}: {comparison.metric_label} {value}, the best of {count} runs"
    return f"{said}. {comparison.summary}"


def _setting(job: Job) -> str:
    return " ".join(f"{key}={value}" for key, value in job.overrides.items())
