"""A sweep that is repeated goes on with the runs of the one before, and takes them over."""

from __future__ import annotations

from typing import Any

import pytest

from snowmelt import tracking


def test_runs_move_to_the_sweep_that_goes_on_with_them(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        with tracking.open_sweep(project.config, project.root, name="sweep") as sweep:
            for name, value in sweep.child_environment.items():
                monkeypatch.setenv(name, value)
            if number == 0:
                with tracking.open_training(
                    project.config, project.root, state=project.state, identity="model-a"
                ):
                    pass
            try:
                with tracking.open_sampling(
                    project.config, project.root, checkpoint="model-a", samples="samples-a"
                ):
                    assert number, "it failed late, the first time"
            except AssertionError:
                assert number == 0
        monkeypatch.delenv("SNOWMELT_PARENT_RUN")
    runs = project.runs()
    (child,) = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    sweeps = [run for run in runs if run is not child]
    newest = max(sweeps, key=lambda run: run.data.tags["snowmelt_key"])
    assert len(sweeps) == 2
    assert child.data.tags["mlflow.parentRunId"] == newest.info.run_id
    assert child.data.tags["stage.sample"] == "finished"


def test_a_run_that_is_done_moves_to_the_sweep_that_found_it(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = project.root / "metrics.json"
    metrics.write_text('{"frechet_distance": 2.0, "protocol": {}}')
    with tracking.open_sweep(project.config, project.root, name="first") as first:
        for name, value in first.child_environment.items():
            monkeypatch.setenv(name, value)
        given = {"samples": "samples-a", "request": "r", "checkpoint": "model-a"}
        with tracking.open_evaluation(project.config, project.root, **given) as run:
            run.log_evaluation(metrics)
        monkeypatch.delenv("SNOWMELT_PARENT_RUN")
    with tracking.open_sweep(project.config, project.root, name="second") as second:
        for file in (metrics, project.root / "nowhere.json"):
            tracking.take_over(project.config, project.root, metrics=file, sweep=second)
    runs = {run.info.run_name: run for run in project.runs()}
    (job,) = [run for run in runs.values() if "evaluation_identity" in run.data.tags]
    assert job.data.tags["mlflow.parentRunId"] == runs["second"].info.run_id
    assert job.info.status == "FINISHED"
    assert len(runs) == 3


def test_without_tracking_nothing_is_taken_over(project: Any) -> None:
    config = project.changed(tracking__enabled=False)
    file = project.root / "metrics.json"
    file.write_text("{}")
    tracking.take_over(config, project.root, metrics=file, sweep=tracking.Run())
    assert not (project.root / ".snowmelt").exists()
