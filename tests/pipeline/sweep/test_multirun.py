"""Sweeps: jobs of their own, one comparison, and a failure that stops nobody."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from tests.conftest import Mistake
from tests.pipeline import jobs_here
from tests.project import TINY, in_process

from snowmelt.common.errors import UserError
from snowmelt.pipeline.sweep import planned_jobs
from snowmelt.pipeline.sweep.job_identity import LETTERS

NOTE = "mlflow.note.content"
CONTENT = (
    "comparison.txt",
    "comparison.csv",
    "comparison.json",
    "comparison.png",
    "schedules.html",
)


def _runs(folder: Path) -> list:
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("snowmelt")
    assert experiment is not None
    return client.search_runs([experiment.experiment_id])


def test_the_schedules_are_compared(workspace: Path) -> None:
    given = ("pipeline", "sweep=schedules", *TINY, "training.steps=20", "seed=0")
    at_once = ("multirun.launcher=joblib", "multirun.at_once=2")
    said = in_process(*given, *at_once, cwd=workspace)
    for name in ("linear", "cosine", "sigmoid"):
        assert re.search(rf"^job \d of 3: {name}\b", said, re.M)
        assert re.search(rf"^done: job \d of 3: {name} \(", said, re.M)
    for name in CONTENT:
        assert (workspace / "reports" / "sweep" / name).is_file()
    page = workspace / "reports" / "sweep" / "schedules.html"
    assert said.rstrip().endswith(f"page: {page}")
    for heading in ("Why: the error", "Noise schedules", "Training", "What it costs"):
        assert f"<h2>{heading}" in page.read_text()
    assert "linear at step 20" not in page.read_text(), "there is one moment alone"
    runs = _runs(workspace)
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert len(children) == 3
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {run.data.params["schedule"] for run in children} == {
        "linear",
        "cosine",
        "sigmoid",
    }
    assert {run.info.run_name for run in children} == {"linear", "cosine", "sigmoid"}
    assert parent.data.tags["swept"] == "schedule"
    _check_told(workspace, parent, children)
    assert not (workspace / "outputs").exists(), "a job wrote into DVC's outputs"
    logs = [path.read_text() for path in (workspace / "multirun/jobs").glob("*/job.log")]
    assert len(logs) == 3
    assert all("samples in" in log for log in logs)
    _repeat_with_fewer(workspace, given, parent.info.run_id)


def _repeat_with_fewer(workspace: Path, given: Sequence[str], earlier: str) -> None:
    """Two of the three schedules again: nothing is run, and their runs change the sweep."""
    files = sorted((workspace / "multirun").rglob("*"))
    said = in_process(*given, "schedule=sigmoid,linear", cwd=workspace)
    assert said.count("finished before: job ") == 2
    assert "[1/" not in said
    assert "once for" not in said
    assert "(2 of 2 jobs were done before)" in said
    assert sorted((workspace / "multirun").rglob("*")) == files
    rows = list(csv.DictReader((workspace / "reports/sweep/comparison.csv").open()))
    assert {row["schedule"] for row in rows} == {"sigmoid", "linear"}
    runs = _runs(workspace)
    assert len(runs) == 5
    parents = [run.data.tags.get("mlflow.parentRunId") for run in runs]
    assert parents.count(earlier) == 1
    assert parents.count(None) == 2


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs run in this process: what they do is the same."""
    jobs_here.run_here(monkeypatch)


@pytest.mark.usefixtures("here")
def test_samplers_share_one_training_and_stand_beside_the_first(workspace: Path) -> None:
    lines = "['sampler=ddpm sampler.steps=8','sampler=ddim sampler.steps=2,4']"
    given = [text for text in TINY if not text.startswith("sampler")]
    given += [f"multirun.jobs={lines}", "training.steps=20"]
    said = in_process("pipeline", "sweep=samplers", *given, cwd=workspace)
    for stage in ("prepare", "reference", "train"):
        assert said.count(f"once for 3 jobs: {stage}") == 1
        assert f"] {stage}" not in said, "no job does it again"
    folder = workspace / "multirun"
    assert sorted(path.name for path in folder.iterdir()) == ["jobs", "shared"]
    assert len([*(folder / "jobs").iterdir()]) == 3
    for name in ("manifest.json", "model.ckpt"):
        (made,) = folder.rglob(name)
        assert made.is_relative_to(folder / "shared")
    assert [*folder.rglob("index.html")] == [], "multirun.reports is false"
    assert "like ddpm, 8 steps" in said
    reports = workspace / "reports/sweep"
    rows = list(csv.DictReader((reports / "samplers.csv").open()))
    assert [row["evaluations"] for row in rows] == ["8", "2", "4"]
    assert rows[0]["answer"] == "reference"
    assert all(float(row["seconds"]) > 0 for row in rows)
    assert float(rows[0]["times_as_fast"]) == 1
    runs = _runs(workspace)
    trained = [run for run in runs if run.data.tags.get("stage.train") == "finished"]
    drawn = [run for run in runs if run.data.tags.get("stage.evaluate") == "finished"]
    assert (len(trained), len(drawn)) == (1, 3)
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    kept = client.list_artifacts(parent.info.run_id, "comparison")
    assert {Path(file.path).name for file in kept} >= {
        f"samplers.{ending}" for ending in ("txt", "csv", "json", "png")
    }


@pytest.mark.usefixtures("here")
def test_what_fails_for_all_fails_every_job(
    workspace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = (*TINY, "data=folder", "tracking=none", "sampler.eta=0,1")
    said = in_process("pipeline", "--multirun", *given, cwd=workspace, status=1)
    assert "Traceback" not in said + capfd.readouterr().err
    begun = re.findall(r"^once for 2 jobs: (\w+)$", said, re.M)
    assert begun == ["prepare"], "no later stage is tried"
    records = [*(workspace / "multirun").rglob("result.json")]
    assert len(records) == 2
    for record in records:
        assert json.loads(record.read_text())["status"] == "failed"
        assert not record.with_name("job.yaml").exists()
    for job in "01":
        assert f"sampler.eta={job}: snowmelt prepare: error: " in said


def _check_told(folder: Path, parent: Run, children: list[Run]) -> None:
    """What a person reads of the sweep and its runs, and the registered model."""
    address = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(address, registry_uri=address)
    experiment = client.get_experiment(parent.info.experiment_id)
    for note in (parent.data.tags[NOTE], experiment.tags[NOTE]):
        assert "| schedule" in note
        assert "snowmelt pipeline --multirun sweep=schedules" in note
        assert f"comparison.png&run_uuid={parent.info.run_id}" in note
        assert f"schedules.html&run_uuid={parent.info.run_id}" in note
    for run in children:
        note, metrics = run.data.tags[NOTE], run.data.metrics
        command = f"snowmelt pipeline --multirun schedule={run.info.run_name} seed=0 sweep="
        assert command in note
        assert metrics["frechet_distance_low"] < metrics["frechet_distance"]
        pictures = client.list_artifacts(run.info.run_id, "images")
        steps = {file.path.partition("+timestamp")[0] for file in pictures}
        assert steps == {"images/samples+step+20", "images/drawn samples+step+0"}
    best = client.get_model_version_by_alias("digits", "best")
    distances = {run.info.run_id: run.data.metrics["frechet_distance"] for run in children}
    assert best.run_id == min(distances, key=distances.__getitem__)
    assert best.tags["protocol.extractor"] == "random_conv"


@pytest.mark.slow
def test_a_failing_job_does_not_stop_the_others(
    workspace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = (*TINY, "training.steps=20", "data=folder,digits", "tracking=none")
    told = in_process("pipeline", "--multirun", *given, cwd=workspace, status=1)
    records = [*(workspace / "multirun").rglob("result.json")]
    said = [json.loads(record.read_text()) for record in records]
    assert {one["overrides"]["data"]: one["status"] for one in said} == {
        "folder": "failed",
        "digits": "finished",
    }
    assert "data/raw" in told
    assert "Traceback" not in told + capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("pipeline", "-m", "schedule=linear,cosin"), "unknown schedule 'cosin'"),
        (("pipeline", "-m", "training.step=1,2"), "unknown key 'training.step'"),
        (
            ("pipeline", "-m", "training.batch_size=0,32"),
            "training.batch_size must be a positive integer",
        ),
        (("train", "-m", "seed=0,1"), "snowmelt pipeline"),
    ],
)
def test_a_mistake_is_found_before_the_first_job(
    workspace: Path, mistake: Mistake, arguments: tuple[str, ...], named: str
) -> None:
    assert named in mistake(*arguments, cwd=workspace)
    assert not (workspace / "multirun").exists()


def test_the_jobs_of_a_sweep_lie_below_the_folder_that_was_named() -> None:
    given = {"a": ["seed=0", "paths.root='/x y'"], "b": ["seed=1", "paths.root='/x y'"]}
    placed = planned_jobs.placed(given, [], ["0" * 64, "1" * 64])
    assert [text for job in placed.values() for text in job if "root" not in text] == [
        "seed=0",
        "seed=1",
    ]
    for number, job in enumerate(placed.values()):
        assert job[-1] == f"paths.root='/x y/multirun/jobs/{str(number) * LETTERS}'"
    alone = planned_jobs.placed({"a": ["seed=0"]}, [], ["ab"])["a"][-1]
    assert alone == "paths.root='multirun/jobs/ab'"
    with pytest.raises(UserError, match=r"out: .*name one"):
        planned_jobs.placed({"a": ["paths.root=x"], "b": ["paths.root=y"]}, [], ["", ""])
