"""Experiments are queued by names that say what they change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from snowmelt.pipeline import dvc_queue
from snowmelt.pipeline.cli import main

STATUS = """\
Task     Name    Created    Status
16d10dd  seed-1  03:45 PM   Queued
72e86da  seed-2  03:45 PM   Failed

Worker status: 0 active, 1 idle
"""
GROUPS = {"schedule": ["linear"], "experiment": []}


@pytest.mark.parametrize(
    ("job", "name"),
    [
        (["schedule=linear"], "linear"),
        (["schedule=linear", "seed=1"], "linear-seed-1"),
        (["training.steps=600", "schedule.tau=0.5"], "training.steps-600-schedule.tau-0.5"),
        (["net.widths=[8,16]", "data.path='a b/c'"], "net.widths-8-16-data.path-a-b-c"),
        (["seed=-1"], "seed-1"),
    ],
)
def test_a_name_says_what_is_changed(job: list[str], name: str) -> None:
    assert dvc_queue.name_of(job, GROUPS) == name


def test_a_name_is_one_that_git_takes() -> None:
    name = dvc_queue.name_of(["data.path=a..b~c:d^e?f*[g]\\h.lock/."], {})
    assert not set(name) & set(" ~^:?*[]\\/")
    assert not name.startswith((".", "-"))


def test_keys_of_params_are_changed_in_place_and_others_in_their_list(
    workspace: Path,
) -> None:
    params = yaml.safe_load((workspace / "params.yaml").read_text())
    params["overrides"] = ["training.steps=40", "data.size=8"]
    (workspace / "params.yaml").write_text(yaml.safe_dump(params))
    job = ["schedule=linear", "seed=1", "training.steps=60", "name=a b"]
    assert dvc_queue.as_params(job, workspace) == [
        "schedule=linear",
        "seed=1",
        "overrides=['training.steps=60','data.size=8','name=a b']",
    ]
    assert dvc_queue.as_params(["seed=1"], workspace) == ["seed=1"]


@pytest.fixture
def said(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What DVC is asked to do, instead of done.

    An experiment `linear` has been, `seed-1` waits, and `seed-2` has failed.
    """
    told: list[tuple[str, ...]] = []
    answers = {"exp": "linear\n", "queue": STATUS}

    def dvc(root: Path, *arguments: str) -> str:
        told.append(arguments)
        return answers[arguments[0]]

    (workspace / ".dvc").mkdir()
    monkeypatch.setattr(dvc_queue, "_dvc", dvc)
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    return told


def test_every_combination_is_queued(
    said: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["queue", "seed=2"]) == 0
    assert said.pop()[3:5] == ("--name", "seed-2")
    assert "queue: 1 experiment waits" in capsys.readouterr().out
    assert main(["queue", "schedule=linear,cosine", "seed=0,1"]) == 0
    queued = [call for call in said if "--queue" in call]
    names = ["linear-seed-0", "linear-seed-1", "cosine-seed-0", "cosine-seed-1"]
    assert [call[4] for call in queued] == names
    assert queued[1][5:] == ("--set-param", "schedule=linear", "--set-param", "seed=1")
    printed = capsys.readouterr().out.splitlines()
    assert printed[:4] == names
    assert printed[4].startswith("queue: 4 experiments wait: `dvc queue start -j 2`")


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ([], "say what to change"),
        (["schedule=linear"], "there is an experiment linear of this commit already"),
        (["seed=0,1"], "there is an experiment seed-1 of this commit already"),
        (["schedule=liner"], "unknown schedule 'liner'"),
        (["schedule=zero_terminal", "prediction=eps"], "zero_terminal"),
        (["sweep=schedules"], "sweep=schedules: not for DVC's experiments"),
        (["out=runs"], "out=runs: not for DVC's experiments"),
    ],
)
def test_nothing_is_queued_of_what_is_wrong(
    said: list[tuple[str, ...]], mistake: Any, typed: list[str], part: str
) -> None:
    assert part in mistake("queue", *typed, cwd=Path.cwd())
    assert not [call for call in said if "--queue" in call]


def test_outside_of_dvc_there_is_no_queue(workspace: Path, mistake: Any) -> None:
    assert "no project of DVC" in mistake("queue", "seed=1", cwd=workspace)


def test_what_dvc_refuses_is_told_in_a_line(workspace: Path, mistake: Any) -> None:
    (workspace / ".dvc").mkdir()
    line = mistake("queue", "seed=1", cwd=workspace)
    assert "dvc queue status: ERROR: " in line
    assert "is not a git repository" in line
