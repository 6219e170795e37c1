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
