"""What a sweep says to the process of a job arrives there."""

from __future__ import annotations

from typing import Any

import pytest

from snowmelt import tracking
from snowmelt.tracking.sweep_job import VARIABLE, SweepJob

JOB = SweepJob("cosine, seed 1", ("schedule", "training.ema.decay"), "snowmelt ...")


def test_it_comes_back_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SweepJob.current() == SweepJob()
    monkeypatch.setenv(VARIABLE, JOB.environment[VARIABLE])
    assert SweepJob.current() == JOB


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"keys": 1}'])
def test_what_is_no_job_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    assert SweepJob.current() == SweepJob()


def test_its_run_has_its_name_and_what_is_swept_as_short_parameters(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, JOB.environment[VARIABLE])
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ):
        pass
    (run,) = project.runs()
    assert run.info.run_name == "cosine, seed 1"
    assert run.data.params["training.ema.decay"] == "0.999"
    assert "values/training.ema.decay" not in run.data.params


def test_a_run_that_goes_on_in_a_sweep_has_its_name_there(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ):
        pass
    monkeypatch.setenv(VARIABLE, SweepJob("ddim, steps 5").environment[VARIABLE])
    with tracking.open_sampling(
        project.config, project.root, checkpoint="model-a", samples="samples-a"
    ):
        pass
    (run,) = project.runs()
    assert run.info.run_name == "ddim, steps 5"
