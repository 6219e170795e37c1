"""What decides a job: the same again is found, and nothing else is taken for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snowmelt.pipeline.config.composition import compose
from snowmelt.pipeline.sweep import job_identity


def identity(root: Path, *overrides: str) -> str:
    return job_identity.of_job(compose(root, overrides, is_checked=False), root)


def test_places_and_observers_decide_nothing(workspace: Path) -> None:
    usual = identity(workspace)
    for idle in (
        "tracking=none",
        "paths.root=elsewhere",
        "name=mine",
        "multirun.at_once=7",
    ):
        assert identity(workspace, idle) == usual, idle


@pytest.mark.parametrize(
    "override",
    [
        "seed=1", "schedule=linear", "schedule.log_snr_max=9", "training.steps=3",
        "sample.seed=5", "sample.num_samples=20", "sampler.steps=7", "evaluation.seed=3",
        "likelihood=none", "features=random_conv", "data.split_seed=2",
        "trainer.precision=bf16-mixed",
    ],
)  # fmt: skip
def test_settings_that_decide_a_number_decide_the_job(
    workspace: Path, override: str
) -> None:
    assert identity(workspace, override) != identity(workspace)


def test_raw_data_that_changed_makes_other_jobs(workspace: Path) -> None:
    given = ("data=folder", "data.size=32", "data.channels=1")
    first = identity(workspace, *given)
    image = workspace / "data/raw/a.png"
    image.write_bytes(b"one")
    second = identity(workspace, *given)
    assert second != first
    assert identity(workspace, *given) == second
    os.utime(image, (1, 1))
    assert identity(workspace, *given) != second
    assert identity(workspace) == identity(workspace), "digits are no files"


def test_a_checkpoint_from_elsewhere_decides_too(workspace: Path) -> None:
    file = workspace / "other.ckpt"
    file.write_bytes(b"one")
    named = f"sample.checkpoint={file}"
    first = identity(workspace, named)
    assert first != identity(workspace)
    file.write_bytes(b"three")
    assert identity(workspace, named) != first


def test_the_bytes_that_a_training_starts_from_decide(workspace: Path) -> None:
    file = workspace / "other.ckpt"
    file.write_bytes(b"one")
    config = compose(workspace, [f"training.start_from={file}"], is_checked=False)
    first = job_identity.of_stage("train", config, workspace)
    file.write_bytes(b"three")
    assert job_identity.of_stage("train", config, workspace) != first


def test_code_decides(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = identity(workspace)
    monkeypatch.setattr(job_identity, "_made_by", lambda: {"code": "other"})
    assert identity(workspace) != usual
