"""What is known of the cost of trainings: from the notes on this disk, else the tracker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.evaluation.training_cost import Compute, added_up
from snowmelt.pipeline.cost_notes import TrainingCosts
from snowmelt.tracking import PastRun, RunReader, TrackingSettings

_VERSIONS = {
    "snowmelt": "snowmelt_version",
    "torch": "torch_version",
    "Python": "python_version",
}


def costs_of(
    measured: Iterable[Mapping[str, Any]],
    root: Path,
    tracking: TrackingSettings | None = None,
) -> Compute:
    """The cost of the trainings behind some numbers, each training once.

    Args:
        measured: the contents of metrics.json.
        tracking: where runs are tracked, to be asked for what no note tells.
    """
    protocols = [metrics.get("protocol") or {} for metrics in measured]
    steps = {
        str(one.get("checkpoint", "")): one.get("checkpoint_step") for one in protocols
    }
    found = []
    for identity, step in steps.items():
        facts = TrainingCosts(root).facts(identity) or _tracked(identity, root, tracking)
        found.append(replace(of_facts(facts), steps=step))
    return added_up(found) if found else Compute()


def of_facts(facts: Mapping[str, Any]) -> Compute:
    """A note, or the tags and numbers of a tracked run, as the cost of a training."""
    return Compute(
        machine=str(facts.get("machine", "")),
        seconds=_number(facts.get("seconds")),
        weights=_whole(facts.get("weights")),
        batch_size=_whole(facts.get("batch_size")),
        versions=tuple(
            (name, str(facts[key])) for name, key in _VERSIONS.items() if key in facts
        ),
        commit=str(facts.get("git_commit", "")),
        is_changed=facts.get("git_dirty") == "true",
    )


def of_tracked(run: PastRun) -> dict[str, Any]:
    """What the tracker holds of a training, by the names of a note."""
    minutes = run.metrics.get("train/minutes")
    facts: dict[str, Any] = dict(run.tags)
    facts |= {"machine": run.tags.get("device", "")}
    if minutes is not None:
        facts["seconds"] = 60.0 * minutes
    if batch_size := run.params.get("training.batch_size"):
        facts["batch_size"] = batch_size
    return facts


def _tracked(
    identity: str, root: Path, tracking: TrackingSettings | None
) -> dict[str, Any]:
    """The tracked run that made a checkpoint; nothing where no store knows one."""
    if tracking is None or not tracking.enabled or not identity:
        return {}
    try:
        runs = RunReader(tracking, root).runs()
    except UserError:
        return {}
    known = (run for run in runs if run.tags.get("identity") == identity)
    trained = (run for run in known if "train/minutes" in run.metrics)
    return next(map(of_tracked, trained), {})


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _whole(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None
