"""No wait for a store is without an end or without a word."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.db import utils
from tests.tracking.fake_server import FakeServer

from snowmelt import tracking
from snowmelt.common.errors import UserError
from snowmelt.tracking import lineage, reading, waiting
from snowmelt.tracking.location import Location
from snowmelt.tracking.mlflow_store import Store
from snowmelt.tracking.store_errors import StoreUnreachable
from snowmelt.tracking.waiting import bounded


def test_an_answer_and_an_error_come_through() -> None:
    assert bounded(lambda: 3, 5, "x") == 3
    with pytest.raises(KeyError, match="a"):
        bounded(lambda: {}["a"], 5, "x")


def test_what_never_answers_is_given_up_with_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waiting, "SILENT_SECONDS", 0.05)
    never = threading.Event()
    with pytest.raises(StoreUnreachable, match=r"no answer within 0\.2 s"):
        bounded(never.wait, 0.2, "http://host")
    never.set()
    assert "waiting for the tracking store http://host (at most" in capsys.readouterr().err


def test_a_database_that_cannot_be_opened_is_not_tried_ten_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(utils.time, "sleep", slept.append)
    location = Location(f"sqlite:///{tmp_path}/none/x.db", None, "e", tmp_path)
    monkeypatch.setattr(utils, "_make_parent_dirs_if_sqlite", lambda uri: None)
    monkeypatch.setattr(Location, "database", None)
    with pytest.raises(StoreUnreachable, match="unable to open"):
        Store(location).find("a", "b")
    assert not [seconds for seconds in slept if seconds > 0.05]


@pytest.fixture
def silent(project: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server that accepts connections and says nothing, and a client that waits on."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")
    monkeypatch.setattr(Location, "patience", 0.3)
    monkeypatch.setattr(waiting, "SILENT_SECONDS", 0.1)
    lineage._silent_until.clear()
    project.config["tracking"]["closing_seconds"] = 0.3
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        project.config["tracking"]["uri"] = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield project
    lineage._silent_until.clear()


def test_opening_and_closing_every_stage(
    silent: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    project = silent
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="a"
    ) as run:
        run.log_metrics({"loss": 1.0}, 1)
        run.log_text("note.txt", "text")
        assert not run.flush()
    said = capsys.readouterr().err
    assert "waiting for the tracking store http://127.0.0.1" in said
    assert "(not within 0.3 s)" in said
    assert "snowmelt sync" in said
    with tracking.open_sampling(project.config, project.root, checkpoint="b", samples="s"):
        pass
    # One that was silent just now is not waited for by the next stage's opening.
    with tracking.open_evaluation(
        project.config, project.root, samples="s", request="r", checkpoint="b"
    ):
        pass
    said = capsys.readouterr().err
    assert said.count("waiting for the tracking store") == 3  # an opening, two closings


def test_reading_runs_back(silent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "READING_SECONDS", 0.3)
    reader = tracking.RunReader(silent.settings, silent.root)
    with pytest.raises(UserError, match=r"does not answer: no answer within 0\.3 s"):
        reader.runs()


def test_all_closings_of_a_command_are_one_wait(
    project: Any, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slow server holds a command of many stages once, and gets the rest later."""
    server.delay = 0.2
    project.config["tracking"] |= {"closing_seconds": 0.1, "flush_seconds": 60.0}
    with tracking.one_command():
        with tracking.open_training(
            project.config, project.root, state=project.state, identity="a"
        ) as run:
            for step in range(5):
                run.log_text(f"note{step}.txt", "text")
        assert capsys.readouterr().err == ""
        with tracking.open_sampling(
            project.config, project.root, checkpoint="a", samples="s"
        ):
            pass
        assert capsys.readouterr().err == ""
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "has not taken" in said[0]
    assert "of 1 run (not within 0.1 s)" in said[0]
    server.delay = 0.0
    project.config["tracking"]["closing_seconds"] = 30.0
    with tracking.open_sweep(project.config, project.root, name="next"):
        pass
    assert capsys.readouterr().err == ""
    (first,) = [run for run in server.runs.values() if "stage.train" in run["tags"]]
    assert first["tags"]["stage.sample"] == "finished"
    assert sorted(name.rpartition("/")[2] for name in server.files) == [
        "config.yaml",
        "config.yaml",
        *(f"note{step}.txt" for step in range(5)),
    ]


def test_the_next_stage_goes_on_where_the_thread_of_the_last_one_was(
    project: Any, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The thread of a stage that is over begins no further operation."""
    with tracking.one_command():
        with (
            server.lock,  # nothing is answered
            tracking.open_training(
                project.config, project.root, state=project.state, identity="a"
            ) as run,
        ):
            run.log_text("note.txt", "text")
        thread = run._background._thread  # type: ignore[attr-defined]
        thread.join(30)
        assert not thread.is_alive()
        assert not server.files
        with tracking.open_sampling(
            project.config, project.root, checkpoint="a", samples="s"
        ):
            pass
    assert capsys.readouterr().err == ""
    assert len(server.files) == 2
