"""A real tracking server, with an outage in the middle of the training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from tests.tracking.real_server import Server

from snowmelt import tracking


@pytest.fixture
def server(project: Any) -> Iterator[Server]:
    server = Server(project.root)
    server.start()
    yield server
    server.kill()


@pytest.mark.slow
def test_a_server_that_dies_and_comes_back_has_every_step_once(
    project: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    checkpoint = project.root / "model.ckpt"
    checkpoint.write_bytes(b"weights" * 1000)
    longest = 0.0
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ) as run:
        for step in range(1, 301):
            if step == 100:
                assert run.flush()
                server.kill()
            if step == 200:
                server.start()
            begin = time.perf_counter()
            run.log_metrics({"loss": 1 / step, "learning_rate": 0.1}, step)
            if step % 50 == 0:
                run.log_picture("samples", Image.new("L", (8, 8)), step)
            longest = max(longest, time.perf_counter() - begin)
            time.sleep(0.005)
        run.log_checkpoint(checkpoint, step=300)
    with tracking.open_sampling(
        project.config, project.root, checkpoint="model-a", samples="samples-a"
    ):
        pass
    assert longest < 0.5
    project.uri = server.uri
    (found,) = project.runs()
    assert found.info.status == "FINISHED"
    assert project.steps(found, "loss") == list(range(1, 301))
    assert project.steps(found, "learning_rate") == list(range(1, 301))
    assert project.pictures(found) == [("samples", step) for step in range(50, 301, 50)]
    assert project.artifacts(found, "checkpoints") == ["checkpoints/model.ckpt"]
    assert found.data.tags["stage.sample"] == "finished"
    model = project.client.get_logged_model(found.data.tags["model_id"])
    assert model.source_run_id == found.info.run_id
