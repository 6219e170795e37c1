"""A real tracking server that is killed and started again under a real training.

One process or two, whether the server is away from the start, in the middle or to the end:
the store gets every number, once, and the checkpoint is that of an untracked training.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.project import (
    TINY,
    clean_environment,
    last_of_each,
    make_workspace,
    run_command,
    snowmelt,
    succeed,
)
from tests.tracking.real_server import Server

STEPS = 400
COMMAND = last_of_each(
    [
        "train",
        *TINY,
        f"training.steps={STEPS}",
        "training.log_every=1",
        "training.picture_every=100",
        "likelihood=none",
        "tracking.flush_seconds=0.2",
        "tracking.cooldown_seconds=0.5",
        "tracking.timeout_seconds=2",
    ]
)
PROCESSES = {
    1: [],
    2: ["trainer=ddp", "trainer.processes=2", "trainer.accelerator=cpu"],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with prepared data."""
    folder = make_workspace(tmp_path_factory.mktemp("outage") / "project")
    succeed(snowmelt("prepare", *TINY, cwd=folder))
    return folder


@pytest.fixture(scope="module")
def untracked(project: Path) -> dict[int, bytes]:
    """The checkpoint of a training without a tracker, by the number of processes."""
    made = {}
    for processes, options in PROCESSES.items():
        out = f"out=untracked{processes}"
        succeed(snowmelt(*COMMAND, *options, "tracking=none", out, cwd=project))
        made[processes] = (project / f"untracked{processes}" / "model.ckpt").read_bytes()
        shutil.rmtree(project / ".snowmelt")
    return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill()


def wait(training: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    """Wait for a moment of a training, which must come before its end."""
    deadline = time.monotonic() + 600
    while not condition():
        assert training.poll() is None, "the training ended before"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def logged(project: Path) -> int:
    """How many lines of numbers the trainings have written so far."""
    boxes = (project / ".snowmelt" / "runs").glob("*/outbox.jsonl")
    return sum(box.read_text().count('"do":"metrics"') for box in boxes)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("moment", ["start", "middle", "end"])
@pytest.mark.parametrize("processes", PROCESSES)
def test_nothing_is_lost(
    project: Path,
    untracked: dict[int, bytes],
    server: Server,
    processes: int,
    moment: str,
) -> None:
    if moment != "start":
        server.start()
    shutil.rmtree(project / ".snowmelt", ignore_errors=True)
    out = f"{moment}{processes}"
    environment = clean_environment({"MLFLOW_TRACKING_URI": server.uri})
    command = [*COMMAND, *PROCESSES[processes], f"out={out}"]
    said = server.folder / "said.log"  # a pipe that nobody reads would fill
    with said.open("w") as stream:
        training = subprocess.Popen(
            [sys.executable, "-m", "snowmelt", *command],
            cwd=project, env=environment, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
    wait(training, lambda: logged(project) >= 100)
    server.kill()
    wait(training, lambda: logged(project) >= 200)
    if moment != "end":
        server.start()
    assert training.wait(600) == 0, said.read_text()
    sync(project, server, is_away=moment == "end")
    made = project / out
    assert (made / "model.ckpt").read_bytes() == untracked[processes]
    check_whole(server, made)


def sync(project: Path, server: Server, *, is_away: bool) -> None:
    """`snowmelt sync` says what waits while the store is away, and sends it afterwards."""
    address = {"MLFLOW_TRACKING_URI": server.uri}
    command = [sys.executable, "-m", "snowmelt", "sync"]
    if is_away:
        result = run_command(*command, cwd=project, environment=address)
        assert result.returncode == 1, result.stdout + result.stderr
        assert "operations" in result.stdout
        assert "remains: " in result.stderr
        server.start()
    result = succeed(run_command(*command, cwd=project, environment=address))
    assert "has everything" in result.stdout


def check_whole(server: Server, made: Path) -> None:
    """The store has each number of losses.csv once, all pictures and the checkpoint."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=server.uri)
    experiment = client.get_experiment_by_name("snowmelt")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    with (made / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    for key in ("loss", "held_out_loss"):
        kept = client.get_metric_history(run.info.run_id, f"train/{key}")
        sent = sorted((one.step, one.value) for one in kept)
        rows_of_key = [(int(row["step"]), float(row[key])) for row in rows if row[key]]
        assert [step for step, _ in sent] == [step for step, _ in rows_of_key], key
        assert [v for _, v in sent] == pytest.approx([v for _, v in rows_of_key])
    assert len(rows) == STEPS
    images = [one.path for one in client.list_artifacts(run.info.run_id, "images")]
    assert len([name for name in images if name.endswith(".png")]) == STEPS // 100
    checkpoints = client.list_artifacts(run.info.run_id, "checkpoints")
    assert [os.path.basename(one.path) for one in checkpoints] == ["model.ckpt"]
