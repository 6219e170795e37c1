"""Checkpoints from before the modules moved load, and draw the samples that they drew.

tests/fixtures/before_the_rooms holds three tiny ones of that time, what was sampled from
them then, and every `_target_` that the configuration files had.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from tests.project import ROOT

from snowmelt.common import public_names
from snowmelt.pipeline.cli import main
from snowmelt.training.checkpoint import load

OLD = ROOT / "tests" / "fixtures" / "before_the_rooms"
TARGETS = (OLD / "targets.txt").read_text(encoding="utf-8").split()
SAMPLED = {
    "points": ("sampler=ddim", "threshold=none"),
    "images": ("sampler=ddpm_learned", "guidance=classifier_free"),
    "learned_schedule": ("sampler=heun", "threshold=none"),
}


@pytest.mark.parametrize("target", TARGETS)
def test_every_name_of_a_class_is_still_understood(target: str) -> None:
    assert inspect.isclass(public_names.find(target))


@pytest.mark.parametrize("name", SAMPLED)
def test_the_samples_are_the_same(
    name: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    overrides = ("sampler.steps=4", "num_samples=8", "tracking=none", "out=drawn")
    command = ("sample", f"checkpoint={OLD / name}.ckpt", *SAMPLED[name], *overrides)
    assert main(command) == 0
    drawn = np.load(workspace / "drawn" / "samples.npy", allow_pickle=False)
    before = np.load(OLD / f"{name}_samples.npy", allow_pickle=False)
    assert drawn.dtype == before.dtype
    # Equal to the bit on the machine that made them; another one may round otherwise.
    np.testing.assert_allclose(drawn.astype(float), before.astype(float), atol=1e-5)


@pytest.mark.parametrize("name", SAMPLED)
def test_what_they_say_of_themselves_is_read(name: str) -> None:
    checkpoint = load(OLD / f"{name}.ckpt")
    assert checkpoint.step == 20
    assert checkpoint.config["training"]["steps"] == 20
    assert json.dumps(checkpoint.config)
    denoiser = checkpoint.denoiser("raw")
    assert any(parameter.abs().sum() > 0 for parameter in denoiser.parameters())
