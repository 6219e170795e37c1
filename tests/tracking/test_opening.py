"""One run from compose to report, and what a second sampling or evaluation does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from snowmelt import tracking
from snowmelt.common.errors import UserError
from snowmelt.tracking.configured import name_of


def train(project: Any, identity: str = "model-a") -> None:
    checkpoint = project.root / "model.ckpt"
    checkpoint.write_bytes(b"weights")
    with tracking.open_training(
        project.config, project.root, state=project.state / identity, identity=identity
    ) as run:
        for step in (2, 4, 6):
            run.log_metrics({"loss": 1 / step, "learning_rate": 0.1}, step)
        run.log_checkpoint(checkpoint, step=6)


def sample(
    project: Any, samples: str, config: Any = None, checkpoint: str = "model-a"
) -> None:
    with tracking.open_sampling(
        config or project.config, project.root, checkpoint=checkpoint, samples=samples
    ) as run:
        run.log_metrics({"sampling_seconds": 2.0})


def sample_badly(project: Any, samples: str, error: BaseException) -> None:
    with tracking.open_sampling(
        project.config, project.root, checkpoint="model-a", samples=samples
    ) as run:
        run.log_metrics({"sampling_seconds": 99.0})
        raise error


def evaluate(project: Any, samples: str, distance: float, split: str = "train") -> Path:
    path = project.root / "metrics.json"
    path.write_text(
        json.dumps({"frechet_distance": distance, "protocol": {"split": split}})
    )
    with tracking.open_evaluation(
        project.config,
        project.root,
        samples=samples,
        request=str(distance),
        checkpoint="model-a",
    ) as run:
        run.log_evaluation(path)
    return path


def report(project: Any, metrics: Path, text: str) -> None:
    page = project.root / "index.html"
    page.write_text(text)
    with tracking.open_report(project.config, project.root, metrics=metrics) as run:
        run.log_file(page, "report")


def test_the_whole_pipeline_is_one_finished_run(project: Any) -> None:
    prepared = project.root / "prepared"
    prepared.mkdir()
    (prepared / "manifest.json").write_text(
        json.dumps({"name": "digits", "count": 3, "digests": {"images.npy": "ab" * 32}})
    )
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ) as run:
        run.log_prepared(prepared)
        run.log_text("reference/reference.json", '{"extractor": "classifier"}\n')
        run.log_picture("samples", Image.new("L", (2, 2)), step=4)
        run.log_metrics({"loss": 0.5}, step=4)
        (project.root / "model.ckpt").write_bytes(b"weights")
        run.log_checkpoint(project.root / "model.ckpt", step=6)
        (project.root / "model.ckpt").unlink()
    sample(project, "samples-a")
    metrics = evaluate(project, "samples-a", 3.5)
    report(project, metrics, "page")

    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "digits cosine v"
    assert run.data.params == {
        "schedule": "cosine",
        "prediction": "v",
        "seed": "0",
        "training.steps": "6",
        "sampler.steps": "50",
        "sample.num_samples": "8",
        "values/name": "null",
        "values/data.name": "digits",
        "values/schedule._target_": "snowmelt.schedules.Cosine",
        "values/schedule.log_snr_max": "10.0",
        "values/prediction._target_": "snowmelt.predictions.V",
        "values/training.ema.decay": "0.999",
        "values/evaluation.subsets": "10",
        "values/protocol.split": "train",
        **{key: v for key, v in run.data.params.items() if "/tracking." in key},
    }
    assert run.data.metrics == {
        "loss": 0.5,
        "sampling_seconds": 2.0,
        "frechet_distance": 3.5,
    }
    tags = run.data.tags
    assert {tags[f"stage.{s}"] for s in ("train", "sample", "evaluate", "report")} == {
        "finished"
    }
    assert tags["identity"] == "model-a"
    assert tags["samples_identity"] == "samples-a"
    assert tags["data_digest"] == "ab" * 32
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("digits", ("ab" * 32)[:36])
    kept = Path(project.client.download_artifacts(run.info.run_id, "config.yaml"))
    assert yaml.safe_load(kept.read_text()) == project.config
    assert project.artifacts(run, "data") == ["data/manifest.json"]
    assert project.pictures(run) == [("samples", 4)]
    assert project.artifacts(run, "checkpoints") == ["checkpoints/model.ckpt"]
    assert project.artifacts(run, "reference") == ["reference/reference.json"]
    assert project.artifacts(run, "evaluation") == ["evaluation/metrics.json"]
    assert project.artifacts(run, "report") == ["report/index.html"]


def test_the_checkpoint_is_a_logged_model_with_the_metrics_of_its_evaluation(
    project: Any,
) -> None:
    train(project)
    sample(project, "samples-a")
    evaluate(project, "samples-a", 3.5)
    (run,) = project.runs()
    (model,) = project.client.search_logged_models([run.info.experiment_id])
    assert model.source_run_id == run.info.run_id
    assert str(model.status) == "READY"
    assert model.tags["identity"] == "model-a"
    assert model.params["schedule"] == "cosine"
    assert not [key for key in model.params if "/" in key]
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    (metric,) = model.metrics
    assert (metric.key, metric.value, metric.run_id) == (
        "frechet_distance",
        3.5,
        run.info.run_id,
    )


def test_sampling_again_opens_a_run_that_names_the_training_and_its_model(
    project: Any,
) -> None:
    train(project)
    sample(project, "samples-a")
    evaluate(project, "samples-a", 3.5)
    sample(project, "samples-b", project.changed(sampler__steps=10))
    metrics = evaluate(project, "samples-b", 9.0, "held_out")
    report(project, metrics, "page")
    first, second = project.runs()
    assert first.data.params["values/protocol.split"] == "train"
    assert second.data.params["values/protocol.split"] == "held_out"
    assert first.data.metrics["frechet_distance"] == 3.5
    assert first.data.params["sampler.steps"] == "50"
    assert "stage.report" not in first.data.tags
    assert second.data.metrics == {"sampling_seconds": 2.0, "frechet_distance": 9.0}
    assert second.data.params["sampler.steps"] == "10"
    assert second.data.params["training.steps"] == "6"
    assert second.data.tags["training_run"] == first.info.run_id
    assert second.data.tags["identity"] == "model-a"
    assert second.data.tags["model_id"] == first.data.tags["model_id"]
    assert second.inputs.model_inputs[0].model_id == first.data.tags["model_id"]
    assert project.artifacts(second, "report") == ["report/index.html"]
    model = project.client.get_logged_model(first.data.tags["model_id"])
    assert sorted(metric.value for metric in model.metrics) == [3.5, 9.0]


def test_evaluating_again_opens_a_run_that_names_the_sampling_too(project: Any) -> None:
    train(project)
    sample(project, "samples-a")
    earlier = evaluate(project, "samples-a", 3.5).read_text()
    later = evaluate(project, "samples-a", 4.5)
    report(project, later, "of the second")
    later.write_text(earlier)
    report(project, later, "of the first")
    report(project, later, "of the first, again")
    first, second = project.runs()
    assert first.data.metrics["frechet_distance"] == 3.5
    assert second.data.metrics == {"frechet_distance": 4.5}
    assert second.data.params["sampler.steps"] == "50"
    assert second.data.tags["sampling_run"] == first.info.run_id
    assert second.data.tags["training_run"] == first.info.run_id
    assert [run.data.tags["stage.report"] for run in (first, second)] == ["finished"] * 2
    text = Path(project.client.download_artifacts(first.info.run_id, "report/index.html"))
    assert text.read_text() == "of the first, again"


def test_a_stage_that_failed_attaches_to_the_same_run_and_leaves_no_number(
    project: Any,
) -> None:
    train(project)
    with pytest.raises(ValueError, match="broken"):
        sample_badly(project, "samples-a", ValueError("broken"))
    (run,) = project.runs()
    assert run.info.status == "FAILED"
    assert run.data.tags["stage.sample"] == "failed: ValueError: broken"
    assert "sampling_seconds" not in run.data.metrics
    sample(project, "samples-b", project.changed(sampler__steps=10))
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert run.data.params["sampler.steps"] == "10"
    assert project.steps(run, "sampling_seconds") == [0]


def test_a_second_sampling_that_was_interrupted_attaches_to_its_own_run(
    project: Any,
) -> None:
    train(project)
    sample(project, "samples-a")
    with pytest.raises(KeyboardInterrupt):
        sample_badly(project, "samples-b", KeyboardInterrupt())
    assert [run.info.status for run in project.runs()] == ["FINISHED", "KILLED"]
    sample(project, "samples-b")
    assert [run.info.status for run in project.runs()] == ["FINISHED", "FINISHED"]
    sample(project, "samples-c")
    assert len(project.runs()) == 3


def test_a_checkpoint_of_a_stranger_opens_a_run_that_names_only_it(project: Any) -> None:
    sample(project, "samples-x", checkpoint="stranger")
    (run,) = project.runs()
    assert run.data.tags["identity"] == "stranger"
    assert "training_run" not in run.data.tags
    assert run.data.params == {"sampler.steps": "50", "sample.num_samples": "8"}


def test_without_a_record_the_run_is_found_by_its_tag(project: Any) -> None:
    train(project)
    (project.root / ".snowmelt").rename(project.root / "lost")
    sample(project, "samples-a")
    (project.root / ".snowmelt").rename(project.root / "lost-too")
    evaluate(project, "samples-a", 3.5)
    (run,) = project.runs()
    assert run.data.metrics["frechet_distance"] == 3.5
    model = project.client.get_logged_model(run.data.tags["model_id"])
    assert [metric.value for metric in model.metrics] == [3.5]
    (project.root / ".snowmelt").rename(project.root / "lost-again")
    sample(project, "samples-a")
    assert len(project.runs()) == 2


def test_a_deleted_run_is_not_written_to(project: Any) -> None:
    train(project)
    (run,) = project.runs()
    project.client.delete_run(run.info.run_id)
    sample(project, "samples-a")
    (other,) = project.runs()
    assert other.info.run_id != run.info.run_id
    assert other.data.tags["identity"] == "model-a"


def test_two_trainings_of_one_identity_are_sampled_into_the_newer(project: Any) -> None:
    for state in ("one", "two"):
        with tracking.open_training(
            project.config, project.root, state=project.state / state, identity="model-a"
        ):
            pass
    sample(project, "samples-a")
    first, second = project.runs()
    assert "stage.sample" not in first.data.tags
    assert second.data.tags["stage.sample"] == "finished"


def test_a_sweep_is_the_parent_of_its_jobs(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracking.open_sweep(project.config, project.root, name="schedules") as sweep:
        for variable, value in sweep.child_environment.items():
            monkeypatch.setenv(variable, value)
        train(project)
        sample(project, "samples-a")
        sample(project, "samples-b")
    parent, *children = project.runs()
    assert len(children) == 2
    assert {c.data.tags["mlflow.parentRunId"] for c in children} == {parent.info.run_id}
    assert parent.data.tags["stage.sweep"] == "finished"


@pytest.mark.parametrize("off", ["none", "RANK", "LOCAL_RANK"])
def test_others_log_into_the_void(
    project: Any, off: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = (
        project.changed(tracking={"enabled": False}) if off == "none" else project.config
    )
    if off != "none":
        monkeypatch.setenv(off, "1")
    with tracking.open_training(
        config, project.root, state=project.state, identity="a"
    ) as run:
        run.log_metrics({"loss": 1.0}, step=1)
        run.log_checkpoint(project.root / "missing.ckpt", step=1)
        run.log_picture("samples", project.root / "missing.png")
        run.log_prepared(project.root)
        assert run.run_id is None
        assert run.child_environment == {}
    assert not (project.root / ".snowmelt").exists()
    assert not project.state.exists()


def test_an_address_that_is_no_store_is_a_users_mistake(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    with pytest.raises(UserError, match=r"MLFLOW_TRACKING_URI.*mlruns"):
        tracking.open_training(
            project.config, project.root, state=project.state, identity="a"
        )


def test_a_run_is_named_after_its_configuration(project: Any) -> None:
    assert name_of(project.config) == "digits cosine v"
    assert name_of(project.changed(name="mine")) == "mine"
