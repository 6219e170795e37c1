"""MLflow's own variables mean what MLflow's documentation says."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest
from tests.tracking.fake_server import FakeServer

from snowmelt import tracking
from snowmelt.common.errors import UserError
from snowmelt.tracking.location import locate, prefer_typed


def train(project: Any, identity: str = "a") -> None:
    with tracking.open_training(
        project.config, project.root, state=project.state / identity, identity=identity
    ) as run:
        run.log_metrics({"loss": 1.0}, 1)


def test_the_experiment_by_its_name(
    project: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    train(project)
    (run,) = server.runs.values()
    assert server.experiments == {run["experiment"]: "mine"}


def test_the_experiment_by_its_id(
    project: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_experiment("snowmelt")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", server.add_experiment("theirs"))
    train(project)
    assert [run["experiment"] for run in server.runs.values()] == ["2"]


@pytest.mark.parametrize("name", ["", "snowmelt"])
def test_an_id_that_is_none_or_of_another_name_waits_with_a_word(
    project: Any,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    server.add_experiment("snowmelt")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "7")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    train(project)
    assert "MLFLOW_EXPERIMENT_ID" in capsys.readouterr().err
    assert server.runs == {}


def test_what_waits_goes_to_the_experiment_that_it_was_logged_for(
    project: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, project.config["tracking"]["uri"] = server.uri, "http://127.0.0.1:9"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "first")
    train(project, "a")
    for record in (project.root / ".snowmelt").rglob("record.json"):
        record.write_text(record.read_text().replace("http://127.0.0.1:9", address))
    project.config["tracking"]["uri"] = address
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "second")
    train(project, "b")
    homes = {
        run["tags"]["identity"]: server.experiments[run["experiment"]]
        for run in server.runs.values()
    }
    assert homes == {"a": "first", "b": "second"}


def test_the_run_that_somebody_else_opened(
    project: Any,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.add_experiment("elsewhere")
    theirs = server.add_run("1", owner="a scheduler")
    monkeypatch.setenv("MLFLOW_RUN_ID", theirs)
    train(project)
    assert list(server.runs) == [theirs]
    run = server.runs[theirs]
    assert run["tags"]["owner"] == "a scheduler"
    assert run["tags"]["stage.train"] == "finished"
    assert run["params"]["training.steps"] == "6"
    assert run["metrics"] == [("loss", 1)]
    capsys.readouterr()
    monkeypatch.setenv("MLFLOW_RUN_ID", "f" * 32)
    train(project, "b")
    assert f"MLFLOW_RUN_ID: no run {'f' * 32}" in capsys.readouterr().err


def test_tags_of_the_surroundings(
    project: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", json.dumps({"team": "snow", "n": 3}))
    train(project)
    (run,) = server.runs.values()
    assert (run["tags"]["team"], run["tags"]["n"]) == ("snow", "3")
    for text in ("[1]", "{"):
        monkeypatch.setenv("MLFLOW_RUN_CONTEXT", text)
        with pytest.raises(UserError, match="MLFLOW_RUN_CONTEXT must be a mapping"):
            tracking.check(project.config, project.root)


def test_user_and_password(
    project: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    train(project)
    wanted = f"Basic {base64.b64encode(b'me:hunter2').decode()}"
    assert {headers.get("Authorization") for _, headers in server.requests} == {wanted}
    kept = [f.read_text() for f in (project.root / ".snowmelt").rglob("*.json*")]
    assert not any("hunter2" in text for text in kept)
    assert not any(b"hunter2" in body for body in server.files.values())


def test_the_command_line_beats_the_variables_and_they_beat_the_files(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.config["tracking"] |= {"uri": "http://file", "experiment": "of the file"}
    assert locate(project.settings, project.root).uri == "http://file"
    assert locate(project.settings, project.root).experiment == "of the file"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://variable")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of the variable")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "3")
    found = locate(project.settings, project.root)
    assert (found.uri, found.experiment, found.experiment_id) == (
        "http://variable",
        "of the variable",
        "3",
    )
    prefer_typed(["seed=1", "tracking.uri=http://typed"])
    found = locate(project.settings, project.root)
    assert (found.uri, found.experiment) == ("http://file", "of the variable")
    prefer_typed(["tracking.experiment=typed"])
    found = locate(project.settings, project.root)
    assert (found.experiment, found.experiment_id) == ("of the file", None)
    assert "MLFLOW_EXPERIMENT_ID" not in os.environ
