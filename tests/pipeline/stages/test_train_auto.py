"""What a trainer is settled to: said, and part of what was trained, named and tracked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from tests.project import ROOT

from snowmelt.pipeline.cli import main
from snowmelt.training import speed_probe
from snowmelt.training.checkpoint import load
from snowmelt.training.settings import FitSettings

POINTS = ("experiment=points", "data=two_moons", "data.count=64", "data.held_out_count=16")
TINY = ("net.width=8", "net.blocks=1", "net.embedding=4", "training.batch_size=8")
SHORT = ("training.steps=3", "training.warmup_steps=1")
UNTRACKED = "tracking=none"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of a few points, on a machine where bf16 takes half the time."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.setenv("PROJECT_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def seconds(settings: FitSettings, _: object) -> float:
        return 0.5 if settings.trainer.precision == "bf16-mixed" else 1.0

    monkeypatch.setattr(speed_probe, "seconds_of_step", seconds)
    assert main(["prepare", *POINTS]) == 0
    return tmp_path


def test_what_is_found_is_trained_with_and_kept(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ["train", *POINTS, *TINY, *SHORT, UNTRACKED, "trainer=auto"]
    assert main(train) == 0
    said = capsys.readouterr().out
    assert "train:   bf16-mixed: 16 examples/s" in said
    assert "train: bf16-mixed; kept for this machine" in said
    trainer = load(project / "outputs" / "model" / "model.ckpt").config["trainer"]
    assert (trainer["precision"], trainer["compile"]) == ("bf16-mixed", False)
    assert main(train) == 0
    said = capsys.readouterr().out
    assert "train: bf16-mixed, as found before" in said
    assert "not trained again" in said
    # Another precision is another training.
    assert main([*train, "trainer.precision=32-true"]) == 0
    assert "not trained again" not in capsys.readouterr().out


def trained_runs(project: Path) -> list[Run]:
    """The tracked trainings, the newest first."""
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("snowmelt")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def test_what_is_found_is_tracked(project: Path) -> None:
    assert main(["train", *POINTS, *TINY, *SHORT, "trainer=auto"]) == 0
    (run,) = trained_runs(project)
    keys = ("precision", "conv_precision", "compile", "threads")
    found = [run.data.params[f"values/trainer.{key}"] for key in keys]
    assert found == ["bf16-mixed", "fp32", "false", "null"]
    assert run.data.tags["trainer"] == "bf16-mixed"


def test_what_is_not_compiled_is_an_uncompiled_training(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    train = ["train", *POINTS, *TINY, *SHORT]
    assert main([*train, "trainer.compile=true"]) == 0
    printed = capsys.readouterr().err
    assert (
        printed.count("train: the network is not compiled: there is no C++ compiler") == 1
    )
    (run,) = trained_runs(project)
    assert run.data.tags["trainer"] == "32-true"
    assert run.data.params["values/trainer.compile"] == "false"
    model = load(project / "outputs" / "model" / "model.ckpt")
    assert model.config["trainer"]["compile"] is False
    assert main(train) == 0
    assert "not trained again" in capsys.readouterr().out
    assert load(project / "outputs" / "model" / "model.ckpt").identity == model.identity


def test_what_another_machine_found_is_not_compiled_here_either(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ["train", *POINTS, *TINY, *SHORT, UNTRACKED, "trainer=auto"]
    assert main(train) == 0
    (file,) = (project / ".snowmelt" / "speed").glob("training-*.json")
    found = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(found | {"compile": True}), encoding="utf-8")
    monkeypatch.setenv("CXX", "no-such-compiler")
    capsys.readouterr()
    assert main(train) == 0
    printed = capsys.readouterr()
    assert "the network is not compiled: there is no C++ compiler" in printed.err
    assert "not trained again" in printed.out
