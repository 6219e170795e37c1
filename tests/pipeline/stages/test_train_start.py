"""A training that starts from a checkpoint: said, tracked, and never written over it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.project import in_process, last_of_each, make_workspace

from snowmelt.pipeline.cli import main
from snowmelt.training.checkpoint import load

POINTS = ("experiment=points", "data=two_moons", "data.count=64", "data.held_out_count=16")
TINY = ("net.width=8", "net.blocks=1", "net.embedding=4", "training.batch_size=8")
SHORT = ("training.steps=3", "training.warmup_steps=1")
PATIENT = "tracking.closing_seconds=300"  # on a busy machine too the store has it all
TRAIN = ("train", *POINTS, *TINY, *SHORT, PATIENT)
FIRST = "outputs/model/model.ckpt"
NEXT = ("paths.model=next", f"training.start_from={FIRST}")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished training of a few points, which tests only add to."""
    folder = make_workspace(tmp_path_factory.mktemp("first") / "project")
    for command in (("prepare", *POINTS), TRAIN):
        in_process(*command, cwd=folder)
    return folder


@pytest.fixture
def project(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That project, in which commands are run."""
    monkeypatch.setenv("PROJECT_ROOT", str(trained))
    monkeypatch.chdir(trained)
    return trained


def test_it_is_said_tracked_and_done_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, *NEXT]) == 0
    assert f"train: starting from the averaged weights of {project / FIRST} (3 steps" in (
        capsys.readouterr().out
    )
    first, second = load(project / FIRST), load(project / "next/model.ckpt")
    assert second.identity != first.identity
    said = json.loads((project / "next/model.json").read_text(encoding="utf-8"))
    assert [one["identity"] for one in said["started_from"]] == [first.identity]
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("snowmelt")
    assert experiment is not None
    runs = {
        run.data.tags["identity"]: run
        for run in client.search_runs([experiment.experiment_id])
    }
    before, after = runs[first.identity], runs[second.identity]
    assert after.data.tags["started_from"] == first.identity
    assert after.data.tags["started_from_run"] == before.info.run_id
    assert after.data.tags["steps_before"] == "3"
    assert "started_from" not in before.data.tags
    assert main([*TRAIN, *NEXT]) == 0
    assert "not trained again" in capsys.readouterr().out
    shutil.copy(project / FIRST, project / "copy.ckpt")
    moved = ("paths.model=third", "training.start_from=copy.ckpt")
    assert main([*TRAIN, *moved]) == 0
    assert "not trained again" in capsys.readouterr().out, "equal bytes, elsewhere"


def test_it_does_not_write_over_what_it_starts_from(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (project / FIRST).read_bytes()
    assert main([*TRAIN, f"training.start_from={FIRST}"]) == 2
    assert "lies where this training writes its own checkpoint" in capsys.readouterr().err
    assert (project / FIRST).read_bytes() == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((f"training.start_from={FIRST}",), "lies where this training writes its own"),
        ((*NEXT, "net.width=16"), "do not fit the network that is asked for"),
        ((*NEXT, "prediction=x_0"), "answers V, and X0 is asked for"),
        (("training.start_from=gone.ckpt",), "gone.ckpt is missing: name a model.ckpt"),
    ],
)
def test_a_pipeline_looks_at_it_before_its_first_stage(
    project: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], said: str
) -> None:
    manifest = project / "data/prepared/manifest.json"
    before = manifest.stat().st_ino
    assert main(["pipeline", *last_of_each((*TRAIN[1:], *given))]) == 2
    assert said in capsys.readouterr().err
    assert manifest.stat().st_ino == before


def test_it_is_said_that_a_finished_training_will_be_replaced(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    monkeypatch.setenv("PROJECT_ROOT", str(copy))
    monkeypatch.chdir(copy)
    longer = [text.replace("steps=3", "steps=5") for text in TRAIN]
    assert main([*longer, "trainer.accumulate=2"]) == 0
    said = capsys.readouterr().err
    assert (
        f"{copy / 'outputs/model'} holds a finished training of 3 steps, and this is"
        " another (what differs: training.steps 3 -> 5): it begins with its first step"
    ) in said
    assert f"also training.start_from={copy / FIRST}" in said
    assert main([*longer, "trainer.accumulate=2"]) == 0  # finished, and not another
    assert main([*longer, "paths.model=elsewhere"]) == 0
    assert "holds a finished training" not in capsys.readouterr().err
