"""What the store refused or had no time for is kept, told of, and sent by hand."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from tests.tracking.fake_server import FakeServer

from snowmelt import tracking
from snowmelt.common.errors import UserError
from snowmelt.pipeline.stages import sync
from snowmelt.tracking.run_records import RunRecords


def train(project: Any, identity: str = "a", metrics: int = 0) -> str:
    with tracking.open_training(
        project.config, project.root, state=project.state / identity, identity=identity
    ) as run:
        for step in range(metrics):
            run.log_metrics({"loss": 1.0}, step)
        run.log_text("note.txt", identity)
    return str(run.key)  # type: ignore[attr-defined]


def synchronised(project: Any) -> int:
    return sync.run(project.config, project.root)


@pytest.mark.parametrize("status", [413, 400, 422])
def test_refused_files_are_kept_and_told_of_until_they_are_taken(
    project: Any, server: FakeServer, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    server.file_status = status
    key = train(project)
    folder = project.root / ".snowmelt" / "runs" / key
    (line,) = capsys.readouterr().err.splitlines()
    assert "refused 2 files" in line
    assert f"{status} Client Error" in line
    assert str(folder) in line
    assert "`snowmelt sync`" in line
    with tracking.open_sampling(project.config, project.root, checkpoint="a", samples="s"):
        pass
    assert "refused 2 files" in capsys.readouterr().err

    assert synchronised(project) == 1
    said = capsys.readouterr()
    assert "2 files wait" in said.out
    assert f"remains: digits cosine v ({folder})" in said.err
    assert "refused note.txt" in said.err
    server.file_status = 200
    assert synchronised(project) == 0
    assert "has everything" in capsys.readouterr().out
    assert sorted(name.rpartition("/")[2] for name in server.files) == [
        "config.yaml",
        "note.txt",
    ]
    assert synchronised(project) == 0
    assert not list(folder.glob("files/*"))


def test_a_batch_that_is_too_large_is_sent_in_parts(
    project: Any, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.batch_limit = 1
    project.config["tracking"]["flush_seconds"] = 60.0
    train(project, metrics=4)
    assert capsys.readouterr().err == ""
    (run,) = server.runs.values()
    assert sorted(run["metrics"]) == [("loss", step) for step in range(4)]


def test_a_store_that_is_away_is_an_error_of_sync_and_loses_nothing(
    project: Any, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    address = server.uri
    project.config["tracking"]["uri"] = "http://127.0.0.1:9"
    train(project, metrics=2)
    assert synchronised(project) == 1
    said = capsys.readouterr().err
    assert "sync: API request to http://127.0.0.1:9" in said
    assert "remains: digits cosine v" in said
    # What waits for another store is not forgotten either, and not sent to this one.
    project.config["tracking"]["uri"] = address
    assert synchronised(project) == 1
    said = capsys.readouterr().err
    assert "MLFLOW_TRACKING_URI=http://127.0.0.1:9 snowmelt sync" in said
    assert server.runs == {}


def test_what_another_process_sends_is_left_to_it(
    project: Any, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.file_status = 503
    key = train(project)
    server.file_status = 200
    records = RunRecords(project.root / ".snowmelt" / "runs")
    with records.delivery_lock(key, 0):
        assert synchronised(project) == 1
    assert f"another process sends run {key}" in capsys.readouterr().err
    assert not server.files
    assert synchronised(project) == 0
    assert len(server.files) == 2


def in_another_process(config: Any, root: Path) -> None:
    raise SystemExit(sync.run(config, root))


def test_two_senders_at_once_send_each_number_once(
    project: Any, server: FakeServer
) -> None:
    project.config["tracking"] |= {"closing_seconds": 0.0, "flush_seconds": 60.0}
    address, project.config["tracking"]["uri"] = server.uri, "http://127.0.0.1:9"
    for number in range(3):
        train(project, identity=str(number), metrics=3)
    for record in (project.root / ".snowmelt").rglob("record.json"):
        record.write_text(record.read_text().replace("http://127.0.0.1:9", address))
    project.config["tracking"]["uri"] = address
    server.delay = 0.01
    context = multiprocessing.get_context("fork")
    given = (project.config, project.root)
    senders = [context.Process(target=in_another_process, args=given) for _ in range(2)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert synchronised(project) == 0
    assert [sorted(run["metrics"]) for run in server.runs.values()] == [
        [("loss", step) for step in range(3)]
    ] * 3


def test_untracked_there_is_nothing_to_send(project: Any) -> None:
    with pytest.raises(UserError, match=r"tracking\.enabled"):
        sync.run(project.changed(tracking={"enabled": False}), project.root)


def test_the_command(
    project: Any,
    server: FakeServer,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from snowmelt.pipeline.cli import main

    server.file_status = 413
    project.root = workspace
    train(project)
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    assert main(["sync"]) == 1
    server.file_status = 200
    assert main(["sync"]) == 0
    assert f"sync: {server.uri} has everything" in capsys.readouterr().out
