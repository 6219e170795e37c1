"""Tracked runs are compared like the jobs of a sweep."""

from __future__ import annotations

from typing import Any

import pytest

from snowmelt.common.errors import UserError
from snowmelt.evaluation.comparison import compare
from snowmelt.pipeline.sweep.tracked_jobs import jobs_of
from snowmelt.tracking import PastRun


def run(schedule: str, seed: int, distance: float | None, **changes: Any) -> PastRun:
    params = {
        "schedule._target_": f"snowmelt.diffusion.schedules.{schedule}",
        "seed": str(seed),
    }
    metrics = {"loss": 0.1}
    if distance is not None:
        params |= {"protocol.digest": "p", "protocol.extractor": "random_conv"}
        metrics |= {"frechet_distance": distance, "frechet_distance_floor": 1.0}
    given: dict[str, Any] = {"status": "FINISHED", "seconds": 2.0, **changes}
    return PastRun("i", f"{schedule} {seed}", params=params, metrics=metrics, **given)


def test_they_rank_as_jobs_do() -> None:
    runs = [run("Linear", 0, 6.0), run("Linear", 1, 6.2)]
    runs += [run("Cosine", 0, 3.0), run("Cosine", 1, 3.2)]
    comparison = compare(jobs_of(runs, ("schedule", "seed")))
    assert [group.label for group in comparison.groups] == ["Cosine", "Linear"]
    assert [group.rank for group in comparison.groups] == [1, 2]
    assert comparison.groups[1].values == [6.0, 6.2]
    assert comparison.floor == 1.0
    assert comparison.groups[0].seconds == 2.0
    assert comparison.metric_label == "Frechet distance (random_conv)"


def test_the_parent_of_a_sweep_is_left_out() -> None:
    parent = PastRun("i", "sweep", "FINISHED")
    (job,) = jobs_of([parent, run("Cosine", 4, 3.0)], ("schedule", "seed"))
    assert job.overrides == {"schedule": "Cosine", "seed": "4"}
    assert job.protocol == "p"
    with pytest.raises(UserError, match="none of the 1 runs has schedule and seed"):
        jobs_of([parent], ("schedule", "seed"))


def test_a_run_that_did_not_finish_says_why() -> None:
    tags = {"stage.sample": "finished", "stage.train": "failed: OSError: disk full"}
    broken = run("Cosine", 0, 3.0, status="FAILED", tags=tags)
    (job,) = jobs_of([broken], ("schedule", "seed"))
    assert job.has_failed
    assert job.reason == "failed: OSError: disk full"
    (job,) = jobs_of([run("Cosine", 0, 3.0, status="KILLED")], ("schedule",))
    assert job.reason == "killed"


def test_a_run_that_was_not_evaluated_counts_as_failed() -> None:
    (job,) = jobs_of([run("Cosine", 0, None)], ("schedule", "seed"))
    assert job.has_failed
    assert job.reason == "no metrics were written"
