"""A store that does not answer stops nothing, and gets everything once it does."""

from __future__ import annotations

import multiprocessing
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from PIL import Image

from snowmelt import tracking
from snowmelt.tracking.location import locate
from snowmelt.tracking.mlflow_store import Store
from snowmelt.tracking.run_records import RunRecords
from snowmelt.tracking.settings import TrackingSettings

CALLS = ("create_run", "log_batch", "log_artifact", "search_runs", "get_run", "update_run")


class Outage:
    """Makes the store fail before a call, or after it did its work, while it is on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_on = False
        self.after = False
        self.failures = 0
        for name in CALLS:
            monkeypatch.setattr(
                MlflowClient, name, self._broken(getattr(MlflowClient, name))
            )

    def _broken(self, call: Any) -> Any:
        def attempt(*args: Any, **kwargs: Any) -> Any:
            if not self.is_on:
                return call(*args, **kwargs)
            self.failures += 1
            if self.after:
                call(*args, **kwargs)
            raise MlflowException("API request to http://... failed: timed out")

        return attempt


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    return Outage(monkeypatch)


def open_training(project: Any) -> Any:
    return tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    )


def until(condition: Any) -> None:
    """Wait for the background."""
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


@pytest.mark.parametrize("after", [False, True])
def test_an_outage_in_the_middle_loses_and_doubles_nothing(
    project: Any, outage: Outage, after: bool
) -> None:
    outage.after = after
    with open_training(project) as run:
        run.log_metrics({"loss": 1.0}, step=1)
        assert run.flush()
        outage.is_on = True
        for step in range(2, 12):
            run.log_metrics({"loss": 1 / step}, step)
            run.log_text(f"notes/{step}.json", f"{step}")
        until(lambda: outage.failures >= 2)
        outage.is_on = False
        until(lambda: RunRecords(project.root / ".snowmelt" / "runs").is_uploaded(run.key))
    (found,) = project.runs()
    assert project.steps(found, "loss") == list(range(1, 12))
    assert len(project.artifacts(found, "notes")) == 10


def test_what_is_left_at_the_end_is_told_and_sent_by_the_next_command(
    project: Any, outage: Outage, capsys: pytest.CaptureFixture[str]
) -> None:
    outage.is_on = True
    with open_training(project) as run:
        for step in range(1, 4):
            run.log_metrics({"loss": 1 / step}, step)
        picture = project.root / "grid.png"
        Image.new("L", (4, 4)).save(picture)
        run.log_picture("samples", picture, step=3)
        picture.unlink()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert str(project.root / ".snowmelt" / "runs" / run.key) in lines[0]
    assert "timed out" in lines[0]
    outage.is_on = False

    with tracking.open_sampling(
        project.config, project.root, checkpoint="model-a", samples="samples-a"
    ):
        pass
    (found,) = project.runs()
    assert project.steps(found, "loss") == [1, 2, 3]
    assert found.info.status == "FINISHED"
    assert {found.data.tags[f"stage.{stage}"] for stage in ("train", "sample")} == {
        "finished"
    }
    assert project.pictures(found) == [("samples", 3)]
    assert capsys.readouterr().err == ""


def test_a_sweep_during_an_outage_keeps_its_family(
    project: Any, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage.is_on = True
    with tracking.open_sweep(project.config, project.root, name="schedules") as sweep:
        monkeypatch.setenv(
            "SNOWMELT_PARENT_RUN", sweep.child_environment["SNOWMELT_PARENT_RUN"]
        )
        with open_training(project) as run:
            run.log_metrics({"loss": 1.0}, step=1)
        outage.is_on = False
    parent, child = project.runs()
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert project.steps(child, "loss") == [1]


def test_a_broken_artifact_store_does_not_hold_up_the_metrics(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise ImportError("no module named boto3")

    monkeypatch.setattr(MlflowClient, "log_artifact", fail)
    with open_training(project) as run:
        run.log_text("first.json", "{}")
        run.log_metrics({"loss": 1.0}, step=1)
    (found,) = project.runs()
    assert found.info.status == "FINISHED"
    assert project.steps(found, "loss") == [1]
    monkeypatch.undo()
    with open_training(project):
        pass
    assert project.artifacts(found) == ["config.yaml", "first.json"]


def test_what_the_store_refuses_for_good_blocks_nothing(
    project: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = MlflowClient.log_batch

    def refuse(self: Any, run_id: str, metrics: Any = (), **others: Any) -> None:
        if any(metric.key == "bad" for metric in metrics):
            raise MlflowException.invalid_parameter_value("bad metric")
        call(self, run_id, metrics=metrics, **others)

    monkeypatch.setattr(MlflowClient, "log_batch", refuse)
    with open_training(project) as run:
        for step in (1, 2, 3):
            run.log_metrics({"bad" if step == 2 else "loss": 1.0}, step)
    (found,) = project.runs()
    assert project.steps(found, "loss") == [1, 3]
    assert "bad metric" in capsys.readouterr().err


def test_a_run_deleted_during_the_training_does_not_stop_it(
    project: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_training(project) as run:
        assert run.flush()
        project.client.delete_run(run.run_id)
        run.log_metrics({"loss": 1.0}, step=1)
        run.flush()
        run.log_metrics({"loss": 1.0}, step=2)
    assert capsys.readouterr().err.count("deleted") == 1


def test_a_dead_server_costs_no_time(project: Any) -> None:
    project.config["tracking"]["uri"] = "http://127.0.0.1:9"
    start = time.monotonic()
    with open_training(project) as run:
        opened = time.monotonic()
        for step in range(1000):
            run.log_metrics({"loss": 1.0, "learning_rate": 0.1}, step)
        logged = time.monotonic()
    assert run.run_id is None
    assert opened - start < 10
    assert logged - opened < 5


def test_a_server_that_accepts_and_says_nothing_is_not_waited_for_long(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        project.config["tracking"]["uri"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        start = time.monotonic()
        with open_training(project) as run:
            run.log_metrics({"loss": 1.0}, step=1)
            logged = time.monotonic()
        done = time.monotonic()
    assert logged - start < 3.0
    assert done - start < 10.0


def test_a_password_is_written_nowhere(
    project: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    project.config["tracking"]["uri"] = "http://me:secret@127.0.0.1:9"
    with open_training(project) as run:
        run.log_metrics({"loss": 1.0}, step=1)
    written = [file.read_text() for file in (project.root / ".snowmelt").rglob("*.json*")]
    written += [(project.state / "run.json").read_text(), capsys.readouterr().err]
    assert len(written) >= 4
    assert not any("secret" in text for text in written)


def make_store(root: Path, settings: TrackingSettings) -> None:
    Store(locate(settings, root)).find("identity", "none")


def test_six_processes_may_create_the_store_at_once_and_quietly(
    project: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "fresh"
    root.mkdir()
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=make_store, args=(root, project.settings)) for _ in range(6)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 6
    assert capfd.readouterr() == ("", "")
    client = MlflowClient(tracking_uri=f"sqlite:///{root / 'mlflow.db'}")
    names = sorted(experiment.name for experiment in client.search_experiments())
    assert names == ["Default", "snowmelt"]
    experiment = client.get_experiment_by_name("snowmelt")
    assert experiment.artifact_location == str(root / "mlartifacts")


def test_a_full_disk_here_costs_a_line_and_not_the_stage(
    project: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*given: Any, **named: Any) -> None:
        raise OSError(28, "No space left on device")

    with open_training(project) as run:
        with monkeypatch.context() as patch:
            patch.setattr("shutil.copyfile", full)
            for step in (1, 2):
                run.log_file(project.root / "model.ckpt")
                run.log_picture("samples", project.root / "samples.png", step=step)
            patch.setattr("tempfile.mkdtemp", full)
            run.log_text("note.txt", "text")
        run.log_metrics({"loss": 1.0}, step=1)
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(" logged nothing")[0] for line in said] == [
        "snowmelt: tracking: log_file",
        "snowmelt: tracking: log_picture",
        "snowmelt: tracking: log_text",
    ]
    assert all("No space left on device" in line for line in said)
    (found,) = project.runs()
    assert found.info.status == "FINISHED"
    assert project.steps(found, "loss") == [1]
