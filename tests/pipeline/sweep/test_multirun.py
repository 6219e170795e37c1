"""Sweeps: jobs of their own, one comparison, and a failure that stops nobody."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.conftest import Mistake
from tests.project import TINY, snowmelt, succeed

from snowmelt.common.errors import UserError
from snowmelt.pipeline.sweep import planned_jobs

CONTENT = ("comparison.txt", "comparison.csv", "comparison.json", "comparison.png")


def _runs(folder: Path) -> list:
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("snowmelt")
    assert experiment is not None
    return client.search_runs([experiment.experiment_id])


def test_the_schedules_are_compared(workspace: Path) -> None:
    result = succeed(
        snowmelt("pipeline", "sweep=schedules", *TINY, "training.steps=20", cwd=workspace)
    )
    for name in ("linear", "cosine", "sigmoid"):
        assert name in result.stdout
    for name in CONTENT:
        assert (workspace / "reports" / "sweep" / name).is_file()
    runs = _runs(workspace)
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert len(children) == 3
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.status for run in runs} == {"FINISHED"}
    schedules = {
        run.data.params["schedule._target_"].rpartition(".")[2] for run in children
    }
    assert schedules == {"Linear", "Cosine", "Sigmoid"}
    assert not (workspace / "outputs").exists(), "a job wrote into DVC's outputs"


def test_samplers_share_one_training_and_stand_beside_the_first(workspace: Path) -> None:
    lines = "['sampler=ddpm sampler.steps=8','sampler=ddim sampler.steps=2,4']"
    given = [text for text in TINY if not text.startswith("sampler")]
    given += [f"multirun.jobs={lines}", "training.steps=20"]
    said = succeed(snowmelt("pipeline", "sweep=samplers", *given, cwd=workspace)).stdout
    for stage in ("prepare", "reference", "train"):
        assert said.count(f"once for 3 jobs: {stage}") == 1
        assert f"] {stage}" not in said, "no job does it again"
    (folder,) = (workspace / "multirun").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["0", "1", "2", "shared"]
    made = [path.relative_to(folder) for path in folder.rglob("manifest.json")]
    assert made == [Path("shared/prepared/manifest.json")]
    assert [*folder.rglob("model.ckpt")] == [folder / "shared/model/model.ckpt"]
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


def test_what_fails_for_all_fails_every_job(workspace: Path) -> None:
    given = (*TINY, "data=folder", "tracking=none", "sampler.eta=0,1")
    result = snowmelt("pipeline", "--multirun", *given, cwd=workspace)
    assert result.returncode == 1
    assert "Traceback" not in result.stdout + result.stderr
    assert result.stdout.count("once for 2 jobs") == 1, "no later stage is tried"
    (folder,) = (workspace / "multirun").iterdir()
    for job in "01":
        found = json.loads((folder / job / "result.json").read_text())
        assert found["status"] == "failed"
        assert not (folder / job / "job.yaml").exists()
        assert f"sampler.eta={job}: snowmelt prepare: error: " in result.stdout


def test_a_failing_job_does_not_stop_the_others(workspace: Path) -> None:
    given = (*TINY, "training.steps=20", "data=folder,digits", "tracking=none")
    result = snowmelt("pipeline", "--multirun", *given, cwd=workspace)
    assert result.returncode == 1
    (folder,) = (workspace / "multirun").iterdir()
    states = [
        json.loads((folder / job / "result.json").read_text())["status"] for job in "01"
    ]
    assert states == ["failed", "finished"]
    assert "data/raw" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


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
    placed = planned_jobs.placed(given)
    assert [text for job in placed.values() for text in job if "root" not in text] == [
        "seed=0",
        "seed=1",
    ]
    for number, job in enumerate(placed.values()):
        assert job[-1].startswith("paths.root='/x y/multirun/")
        assert job[-1].endswith(f"/{number}'")
    alone = planned_jobs.placed({"a": ["seed=0"]})["a"][-1]
    assert alone.startswith("paths.root='multirun/")
    with pytest.raises(UserError, match=r"out: .*name one"):
        planned_jobs.placed({"a": ["paths.root=x"], "b": ["paths.root=y"]})
