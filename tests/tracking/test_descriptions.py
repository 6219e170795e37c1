"""The command that a description says to repeat."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from snowmelt import tracking
from snowmelt.tracking import descriptions
from snowmelt.tracking.sweep_job import SweepJob

TYPED = ["/usr/bin/snowmelt", "train", "net.widths=[8,16]", "tracking.uri=http://a:b@h"]


@pytest.fixture(autouse=True)
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DVC_STAGE", "SNOWMELT_JOB"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "argv", TYPED)


def test_it_is_what_was_typed_without_passwords() -> None:
    said = descriptions.command()
    assert said.startswith("snowmelt train 'net.widths=[8,16]'")
    assert said.endswith("tracking.uri=http://***@h")


def test_dvc_and_a_sweep_have_commands_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DVC_STAGE", "train")
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    assert descriptions.command() == "dvc repro"
    monkeypatch.setenv("DVC_EXP_NAME", "linear-seed-1")
    assert descriptions.command() == "dvc exp apply linear-seed-1 && dvc repro"
    job = SweepJob(command="snowmelt pipeline --multirun seed=1")
    for name, value in job.environment.items():
        monkeypatch.setenv(name, value)
    assert descriptions.command() == "snowmelt pipeline --multirun seed=1"


def test_every_run_tells_it_from_the_start(project: Any) -> None:
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ):
        pass
    (run,) = project.runs()
    assert run.data.tags["mlflow.note.content"].startswith("Again: `snowmelt train ")


def test_of_another_program_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/ipython", "notebook"])
    assert descriptions.command() == ""
