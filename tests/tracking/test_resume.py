"""A training that was killed goes on in the same run, and no step is there twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from snowmelt import tracking
from snowmelt.common.drafts import PREFIX
from snowmelt.common.errors import UserError
from snowmelt.tracking.run_records import Owner, RunRecords


def train_until_killed(project: Any, last: int, has_logged: Any) -> None:
    # Not what a training in this process, before it was forked, has left there.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ) as run:
        for step in range(1, last + 1):
            run.log_metrics({"loss": 1 / step, "gradient_norm": 2.0 * step}, step)
        assert run.flush()
        has_logged.set()
        time.sleep(60)


def start(project: Any, last: int) -> Any:
    """Start a training in another process and wait until it has logged."""
    fork = multiprocessing.get_context("fork")
    has_logged = fork.Event()
    process = fork.Process(target=train_until_killed, args=(project, last, has_logged))
    process.start()
    assert has_logged.wait(30)
    return process


def train_until_a_write(project: Any, write: int) -> None:
    """Killed when the n-th file is put in its place."""
    events = []

    def kill(event: str, _: object) -> None:
        if event == "os.rename":
            events.append(event)
            if len(events) == write:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    go_on(project, 1, 1)


def go_on(project: Any, first: int, last: int) -> None:
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ) as run:
        for step in range(first, last + 1):
            run.log_metrics({"loss": 1 / step, "gradient_norm": 2.0 * step}, step)


def only_record(project: Any) -> tuple[RunRecords, Any]:
    run_records = RunRecords(project.root / ".snowmelt" / "runs")
    (record,) = run_records.of_store(project.uri)
    return run_records, record


def test_a_training_killed_by_force_goes_on_without_a_duplicate(project: Any) -> None:
    process = start(project, 6)
    (run,) = project.runs()
    assert run.info.status == "RUNNING"
    process.kill()
    process.join()
    # What it sent last may not have been written down as sent, and a line may be torn.
    run_records, record = only_record(project)
    queue = run_records.queue(record.key)
    lines = queue.file.read_bytes().splitlines(keepends=True)
    queue.mark_sent(sum(map(len, lines[:4])))
    with queue.file.open("a") as stream:
        stream.write('{"do":"metrics","step":7,"val')

    # Another command sees that its process is dead.
    with tracking.open_sweep(project.config, project.root, name="other"):
        pass
    assert project.runs()[0].info.status == "KILLED"
    assert project.runs()[0].data.tags["stage.train"] == "killed"

    # It computes again what came after its checkpoint.
    go_on(project, 5, 9)
    run, _ = project.runs()
    assert run.info.status == "FINISHED"
    assert run.data.tags["stage.train"] == "finished"
    assert project.steps(run, "loss") == list(range(1, 10))
    assert project.steps(run, "gradient_norm") == list(range(1, 10))


def test_a_terminated_training_is_killed_and_says_so_itself(project: Any) -> None:
    process = start(project, 3)
    process.terminate()
    process.join()
    assert process.exitcode == 128 + signal.SIGTERM
    (run,) = project.runs()
    assert run.info.status == "KILLED"
    assert project.steps(run, "loss") == [1, 2, 3]


def test_the_resumed_run_itself_is_not_stale(project: Any) -> None:
    run_records = RunRecords(project.root / ".snowmelt" / "runs")
    go_on(project, 1, 3)
    record = only_record(project)[1]
    dead = Owner(Owner.me().host, 2**22 + 1, 0.0)
    run_records.update(record.key, owner=dead, stages={"train": {"status": "running"}})
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ) as run:
        assert run.flush()
        (now,) = project.runs()
        assert now.info.status == "RUNNING"
    (now,) = project.runs()
    assert now.info.status == "FINISHED"


def test_another_host_is_not_declared_dead(project: Any) -> None:
    run_records = RunRecords(project.root / ".snowmelt" / "runs")
    go_on(project, 1, 3)
    record = only_record(project)[1]
    run_records.update(record.key, owner=Owner("elsewhere", 1, 0.0))
    with tracking.open_sweep(project.config, project.root, name="other"):
        pass
    kept = run_records.read(record.key)
    assert kept is not None
    assert kept.owner == Owner("elsewhere", 1, 0.0)


def test_a_resume_without_its_record_asks_the_store_for_its_steps(project: Any) -> None:
    go_on(project, 1, 6)
    (project.root / ".snowmelt").rename(project.root / "lost")
    go_on(project, 4, 8)
    (run,) = project.runs()
    assert project.steps(run, "loss") == list(range(1, 9))
    assert run.data.params["training.steps"] == "6"


def test_a_resume_after_the_store_was_lost_makes_the_run_anew(
    project: Any, empty_database: Path
) -> None:
    process = start(project, 6)
    process.kill()
    process.join()
    (project.root / "mlflow.db").write_bytes(empty_database.read_bytes())
    go_on(project, 5, 8)
    (run,) = project.runs()
    assert project.steps(run, "loss") == list(range(1, 9))
    assert run.data.params["training.steps"] == "6"
    assert json.loads((project.state / "run.json").read_text())["run_id"] == run.info.run_id


def test_another_store_gets_a_run_of_its_own(project: Any, empty_database: Path) -> None:
    go_on(project, 1, 2)
    (project.root / "other.db").write_bytes(empty_database.read_bytes())
    config = project.changed(tracking__uri="sqlite:///other.db")
    with tracking.open_training(
        config, project.root, state=project.state, identity="model-a"
    ) as run:
        run.log_metrics({"loss": 1.0}, step=1)
    (first,) = project.runs()
    project.uri = f"sqlite:///{project.root / 'other.db'}"
    (second,) = project.runs()
    assert first.info.run_id != second.info.run_id
    assert project.steps(second, "loss") == [1]


def test_two_processes_cannot_train_from_one_state(project: Any) -> None:
    run_records = RunRecords(project.root / ".snowmelt" / "runs")
    go_on(project, 1, 2)
    record = only_record(project)[1]
    parent = Owner.of(os.getppid())
    run_records.update(record.key, owner=parent)
    with pytest.raises(UserError, match="state"):
        go_on(project, 1, 2)


def test_a_training_killed_in_another_container_goes_on_here(project: Any) -> None:
    run_records = RunRecords(project.root / ".snowmelt" / "runs")
    go_on(project, 1, 3)
    record = only_record(project)[1]
    stages = {"train": {"status": "running"}}
    run_records.update(record.key, owner=Owner("elsewhere", 1, 0.0), stages=stages)
    go_on(project, 2, 5)
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert project.steps(run, "loss") == [1, 2, 3, 4, 5]


def test_the_next_command_removes_a_run_that_died_before_its_record(project: Any) -> None:
    folder = project.root / ".snowmelt" / "runs" / "dead"
    (folder / f"{PREFIX}a").mkdir(parents=True)
    go_on(project, 1, 3)
    assert not folder.exists()


@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_run_that_died_while_it_was_opened_leaves_nothing(
    project: Any, write: int
) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=train_until_a_write, args=(project, write)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    go_on(project, 1, 3)
    (folder,) = (project.root / ".snowmelt" / "runs").glob("*/")
    assert not list(folder.glob(f"{PREFIX}*"))
    (run,) = project.runs()
    assert project.steps(run, "loss") == [1, 2, 3]
