"""MLflow's UI is started as one server, where the comparison is shown."""

from __future__ import annotations

import socket
import urllib.request
from typing import Any

import psutil
import pytest
from tests.tracking.fake_server import FakeServer

from snowmelt import tracking
from snowmelt.common.errors import UserError
from snowmelt.tracking import open_interface


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def sweep(project: Any) -> str:
    with tracking.open_sweep(project.config, project.root, name="s", swept=["seed"]) as run:
        pass
    return run.key


def test_the_newest_comparison_comes_first(project: Any, port: int) -> None:
    sweep(project)
    newest = sweep(project)
    interface = open_interface(project.config, project.root, port)
    first, charts, everything = interface.addresses.values()
    number = project.client.get_experiment_by_name("snowmelt").experiment_id
    start = f"http://127.0.0.1:{port}/#/experiments/{number}/runs?"
    assert first.startswith(start)
    assert f"viewStateShareKey=sweep-{newest}" in first
    assert charts == f"{first}&compareRunsMode=CHART"
    assert "viewStateShareKey=runs" in everything
    tags = project.client.get_experiment(number).tags
    assert {f"mlflow.sharedViewState.{key}" for key in ("runs", f"sweep-{newest}")} <= {
        *tags
    }


def test_without_a_sweep_all_runs_are_shown(project: Any, port: int) -> None:
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ):
        pass
    (address,) = open_interface(project.config, project.root, port).addresses.values()
    assert "viewStateShareKey=runs" in address


def test_it_is_one_server_that_ends_with_the_block(project: Any, port: int) -> None:
    """Without consumers of jobs for language models, which would be four processes more."""
    sweep(project)
    interface = open_interface(project.config, project.root, port)
    with interface.served() as server:
        assert server is not None
        with urllib.request.urlopen(f"{interface.address}/", timeout=30) as page:
            assert b"MLflow" in page.read()
        children = psutil.Process(server.pid).children(recursive=True)
        assert len(children) <= 1, [child.cmdline() for child in children]
        assert project.uri not in " ".join(psutil.Process(server.pid).cmdline())
    assert server.poll() is not None
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{interface.address}/", timeout=5)


def test_a_server_that_cannot_start_is_told(
    project: Any, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(project)
    monkeypatch.setattr("sys.executable", "/bin/false")
    interface = open_interface(project.config, project.root, port)
    with pytest.raises(UserError, match=r"does not start; .*ui\.log"), interface.served():
        pass


def test_a_port_that_is_taken_is_told(project: Any) -> None:
    sweep(project)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        interface = open_interface(project.config, project.root, number)
        with pytest.raises(UserError, match=f"port {number} is not free"):
            interface.served().__enter__()
    with pytest.raises(UserError, match="port 99999 is not free"):
        open_interface(project.config, project.root, 99999).served().__enter__()


def test_without_a_store_there_is_nothing_to_show(project: Any, port: int) -> None:
    (project.root / "mlflow.db").unlink()
    with pytest.raises(UserError, match=r"there is no tracking store .*make sweep"):
        open_interface(project.config, project.root, port)
    assert not (project.root / "mlflow.db").exists()
    with pytest.raises(UserError, match=r"tracking.enabled is false"):
        open_interface(project.changed(tracking__enabled=False), project.root, port)


def test_a_server_has_a_ui_of_its_own(
    project: Any, server: FakeServer, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(project)
    address = server.uri.replace("http://", "http://me:secret@")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    interface = open_interface(project.config, project.root, port)
    with interface.served() as started:
        assert started is None
    said = " ".join(interface.addresses.values())
    assert f"{server.uri}/#/experiments/1/runs?" in said
    assert "secret" not in said
    assert server.experiment_tags["mlflow.experimentKind"] == "custom_model_development"
