"""`trainer=auto` through the command: found once, said, and part of what was trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.project import ROOT

from snowmelt.pipeline.cli import main
from snowmelt.training import speed_probe
from snowmelt.training.checkpoint import load
from snowmelt.training.settings import FitSettings

POINTS = ("experiment=points", "data=two_moons", "data.count=64", "data.held_out_count=16")
TINY = ("net.width=8", "net.blocks=1", "net.embedding=4", "training.batch_size=8")
SHORT = ("training.steps=3", "training.warmup_steps=1", "tracking=none")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of a few points, on a machine where bf16 takes half the time."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.setenv("PROJECT_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def seconds(settings: FitSettings, _: object) -> float:
        return 0.5 if settings.trainer.precision == "bf16-mixed" else 1.0

    monkeypatch.setattr(speed_probe, "_seconds", seconds)
    assert main(["prepare", *POINTS]) == 0
    return tmp_path


def test_what_is_found_is_trained_with_and_kept(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ["train", *POINTS, *TINY, *SHORT, "trainer=auto"]
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
