"""Sweeps that are stopped, killed or run beside each other end as if nothing had been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.project import TINY, last_of_each, make_workspace, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
LONG = (*TINY, "training.steps=300", "training.checkpoint_every=20", "tracking=none")


def sweep(project: Path, *arguments: str) -> subprocess.Popen[str]:
    given = last_of_each(("pipeline", "--multirun", *LONG, *arguments))
    return started(*given, cwd=project, stderr=subprocess.STDOUT)


def ended(process: subprocess.Popen[str], status: int = 0) -> str:
    said, _ = process.communicate(timeout=1500)
    assert process.returncode == status, said
    return said


def records(project: Path) -> dict[str, dict[str, object]]:
    """What each job says of itself, by its seed."""
    files = (project / "multirun/jobs").glob("*/result.json")
    found = [json.loads(file.read_text()) for file in files]
    return {one["overrides"]["seed"]: one for one in found}


def weights(project: Path) -> dict[str, bytes]:
    """The checkpoint of each job, by its folder."""
    files = (project / "multirun/jobs").glob("*/outputs/model/model.ckpt")
    return {file.parents[2].name: file.read_bytes() for file in files}


def wait_for_a_state(project: Path, process: subprocess.Popen[str], jobs: int) -> None:
    """Until a job after the first so many has saved a state of its training."""
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        assert process.poll() is None
        said = records(project)
        finished = sum(one["status"] == "finished" for one in said.values())
        if finished == jobs and [*(project / ".snowmelt/resume").rglob("*.ckpt")]:
            return
        time.sleep(0.1)
    raise AssertionError("no state was saved")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which seeds 0, 1 and 2 have run, one after another."""
    folder = make_workspace(tmp_path_factory.mktemp("undisturbed") / "project")
    ended(sweep(folder, "seed=0,1,2"))
    return folder


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_same_sweep_goes_on_where_it_was(
    workspace: Path, undisturbed: Path, how: signal.Signals
) -> None:
    process = sweep(workspace, "seed=0,1")
    wait_for_a_state(workspace, process, jobs=1)
    os.kill(process.pid, how)
    ended(process, 130 if how == signal.SIGINT else -how)
    time.sleep(5)  # an orphan ends by itself
    assert [one["status"] for one in records(workspace).values()].count("running") == 1
    said = ended(sweep(workspace, "seed=0,1,2"))
    assert said.count("finished before: job ") == 1
    assert "going on from the saved state" in said
    assert {one["status"] for one in records(workspace).values()} == {"finished"}
    assert weights(workspace) == weights(undisturbed)


def test_two_sweeps_at_once_do_what_they_share_one_time(
    workspace: Path, undisturbed: Path
) -> None:
    processes = [sweep(workspace, "seed=0,1"), sweep(workspace, "seed=1,2")]
    said = [ended(process) for process in processes]
    trained = [line for text in said for line in text.splitlines() if "] train" in line]
    assert len(trained) == 3, said
    assert weights(workspace) == weights(undisturbed)
