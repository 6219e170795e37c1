"""Tracked runs as jobs to compare, wherever and whenever they ran."""

from __future__ import annotations

from collections.abc import Sequence

from snowmelt.common.errors import UserError
from snowmelt.evaluation.comparison.compared_jobs import Job
from snowmelt.tracking.reading import PastRun


def jobs_of(runs: Sequence[PastRun], keys: Sequence[str]) -> list[Job]:
    """The runs that trained something, as `compare` takes them.

    Runs without any of the keys, like the parent of a sweep, are left out. One that has
    not finished, or was never evaluated, counts as failed.

    Args:
        keys: what sets them apart, the seed among them: `("schedule", "seed")`. Whatever
            else differs between the runs goes unnoticed, so name it.

    Raises:
        UserError: no run has all of the keys.
    """
    chosen = [(run, {key: run.value_or_class(key) for key in keys}) for run in runs]
    jobs = [
        Job(
            name=run.name,
            overrides=overrides,
            status="finished" if run.status == "FINISHED" else "failed",
            error=_error(run),
            metrics=_metrics(run),
            protocol=run.params.get("protocol.digest"),
            seconds=run.seconds,
        )
        for run, overrides in chosen
        if all(value is not None for value in overrides.values())
    ]
    if not jobs:
        raise UserError(f"none of the {len(runs)} runs has {' and '.join(keys)}")
    return jobs


def _metrics(run: PastRun) -> dict[str, object] | None:
    """The numbers and what they were taken on; None for a run that was not evaluated."""
    if "protocol.digest" not in run.params:
        return None
    extractor = run.params.get("protocol.extractor")
    return {**run.metrics, "protocol": {"extractor": extractor}}


def _error(run: PastRun) -> str:
    """What the stages of a run that did not finish say of themselves."""
    if run.status == "FINISHED":
        return ""
    said = [text for tag, text in sorted(run.tags.items()) if tag.startswith("stage.")]
    return next((text for text in said if text != "finished"), run.status.lower())
