"""What was tracked is read back as it was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from snowmelt import tracking
from snowmelt.common.errors import UserError
from snowmelt.tracking import PastRun, RunReader


def experiment(project: Any, seed: int, distance: float) -> None:
    """A run from training to evaluation."""
    config = project.changed(seed=seed)
    checkpoint = project.root / "model.ckpt"
    checkpoint.write_bytes(b"weights")
    identity = f"model-{seed}"
    with tracking.open_training(
        config, project.root, state=project.state / identity, identity=identity
    ) as run:
        for step in (2, 4, 10):
            run.log_metrics({"loss": seed + 1 / step}, step)
        run.log_checkpoint(checkpoint, step=10)
    with tracking.open_sampling(
        config, project.root, checkpoint=identity, samples=f"samples-{seed}"
    ) as run:
        run.log_metrics({"sampling_seconds": 2.0})
    path = project.root / "metrics.json"
    measured = {"frechet_distance": distance, "protocol": {"digest": "d", "n": 5}}
    path.write_text(json.dumps(measured))
    with tracking.open_evaluation(
        config,
        project.root,
        samples=f"samples-{seed}",
        request="as usual",
        checkpoint=identity,
    ) as run:
        run.log_evaluation(path)


def test_runs_come_oldest_first_with_all_that_they_said(project: Any) -> None:
    experiment(project, 3, 0.5)
    experiment(project, 1, 0.25)
    first, second = RunReader(project.settings, project.root).runs()
    assert (first.value_or_class("seed"), second.value_or_class("seed")) == ("3", "1")
    assert (first.value_or_class("schedule"), first.value_or_class("no such part")) == (
        "cosine",
        None,
    )
    assert first.metrics["frechet_distance"] == 0.5
    assert second.metrics["frechet_distance"] == 0.25
    assert first.params["protocol.digest"] == "d"
    assert first.params["schedule._target_"] == "snowmelt.schedules.Cosine"
    assert first.params["training.steps"] == "6"
    assert first.name == "digits cosine v"
    assert first.status == "FINISHED"
    assert first.tags["identity"] == "model-3"
    stored = {run.info.run_id: run.info for run in project.runs()}
    info = stored[first.run_id]
    assert first.seconds == (info.end_time - info.start_time) / 1000


def test_a_failed_run_is_there_too(project: Any) -> None:
    state = project.state / "broken"
    opened = tracking.open_training(
        project.config, project.root, state=state, identity="broken"
    )
    with pytest.raises(RuntimeError), opened:
        raise RuntimeError("no luck")
    (run,) = RunReader(project.settings, project.root).runs()
    assert run.status == "FAILED"
    assert run.tags["stage.train"] == "failed: RuntimeError: no luck"


def test_all_pages_are_read(project: Any) -> None:
    project.client.create_experiment("snowmelt")
    experiment_id = project.client.get_experiment_by_name("snowmelt").experiment_id
    reader = RunReader(project.settings, project.root)
    for number in range(3):
        project.client.create_run(experiment_id, start_time=number)

    def page_of_one(*given: Any, **named: Any) -> Any:
        return type(client).search_runs(client, *given, **named, max_results=1)

    reader.runs()
    client = reader._store._connected[0]
    client.search_runs = page_of_one
    assert len({run.run_id for run in reader.runs()}) == 3


def test_the_history_of_a_metric(project: Any) -> None:
    experiment(project, 0, 0.5)
    reader = RunReader(project.settings, project.root)
    (run,) = reader.runs()
    assert reader.history(run.run_id, "loss") == [(2, 0.5), (4, 0.25), (10, 0.1)]
    assert reader.history(run.run_id, "never said") == []
    reader._store.history = lambda *_: [(4, 1.0), (2, 3.0)]  # type: ignore[method-assign]
    assert reader.history(run.run_id, "loss") == [(2, 3.0), (4, 1.0)]


def test_a_run_that_is_not_there(project: Any) -> None:
    experiment(project, 0, 0.5)
    with pytest.raises(UserError, match="no run 0123456789abcdef"):
        RunReader(project.settings, project.root).history("0123456789abcdef", "loss")


def test_reading_makes_no_store(project: Any, tmp_path: Path) -> None:
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    with pytest.raises(
        UserError, match=r"no tracking store sqlite:.*elsewhere.*mlflow\.db"
    ):
        RunReader(project.settings, empty)
    assert not list(empty.iterdir())


def test_a_store_that_does_not_answer(project: Any) -> None:
    settings = project.settings.model_copy(update={"uri": "http://127.0.0.1:9"})
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9 does not answer"):
        RunReader(settings, project.root).runs()


def test_a_value_stands_before_a_class() -> None:
    run = PastRun("i", "n", "FINISHED", params={"a": "1", "a._target_": "x.Y"})
    assert run.value_or_class("a") == "1"


def test_an_evaluation_is_read_back_whole(project: Any) -> None:
    experiment(project, 3, 0.5)
    reader = RunReader(project.settings, project.root)
    (run,) = reader.runs()
    for named in (run.run_id, "digits cosine v"):
        assert reader.find(named) == run
    found = reader.evaluation(run)
    assert found == {"frechet_distance": 0.5, "protocol": {"digest": "d", "n": 5}}


def test_a_run_that_is_not_there_and_one_of_several(project: Any) -> None:
    experiment(project, 3, 0.5)
    experiment(project, 1, 0.25)
    reader = RunReader(project.settings, project.root)
    with pytest.raises(UserError, match="has no run of the id or name nothing"):
        reader.find("nothing")
    ids = [run.run_id for run in reader.runs()]
    with pytest.raises(UserError, match=f"2 runs .* digits cosine v: .*{', '.join(ids)}"):
        reader.find("digits cosine v")


def test_a_run_without_an_evaluation(project: Any) -> None:
    state = project.state / "trained"
    with tracking.open_training(
        project.config, project.root, state=state, identity="trained"
    ) as run:
        run.log_metrics({"loss": 1.0}, 1)
    reader = RunReader(project.settings, project.root)
    (found,) = reader.runs()
    with pytest.raises(UserError, match="has no evaluation: run `snowmelt evaluate`"):
        reader.evaluation(found)
