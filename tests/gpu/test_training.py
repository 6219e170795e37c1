"""The pipeline's training, sampling and evaluation with `trainer=gpu`, on tiny images."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import snowmelt as sm
from snowmelt.common import stopping
from snowmelt.training.module import DiffusionModule
from snowmelt.training.stop_point import StopPoint
from tests.gpu.device import CPU, DEVICE, IS_GPU, TRAINER, close
from tests.project import TINY, in_process, make_workspace

ASKED = (*TINY, "tracking=none", "denoiser.conditional=true")
COLUMNS = ("loss", "held_out_loss", "gradient_norm")
GPU = ("trainer=gpu",) if IS_GPU else ("trainer=cpu",)
on_gpu = pytest.mark.skipif(not IS_GPU, reason="of a GPU alone")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared digits, and a training on the processor."""
    folder = make_workspace(tmp_path_factory.mktemp("gpu") / "project")
    for stage in ("prepare", "reference"):
        in_process(stage, *ASKED, cwd=folder)
    train(folder, "here")
    return folder


def train(project: Path, name: str, *changes: str, status: int = 0) -> str:
    """Train into a folder of its own; what was said."""
    # One that is finished, on whatever device, would be taken as it is.
    shutil.rmtree(project / ".snowmelt" / "finished", ignore_errors=True)
    asked = [*ASKED, f"paths.model=outputs/{name}", *changes]
    return in_process("train", *asked, cwd=project, status=status)


def losses(project: Path, name: str) -> list[list[float]]:
    with (project / "outputs" / name / "losses.csv").open(encoding="utf-8") as stream:
        return [
            [float(row[key]) for key in COLUMNS if row[key]]
            for row in csv.DictReader(stream)
        ]


def compare(project: Path, name: str, expected: str, rel: float) -> None:
    pairs = zip(losses(project, name), losses(project, expected), strict=True)
    for found, wanted in pairs:
        assert found == pytest.approx(wanted, rel=rel)


def test_a_training_has_the_losses_of_the_processor(project: Path) -> None:
    train(project, "there", *TRAINER)
    compare(project, "there", "here", rel=0.02)


def test_a_training_that_was_stopped_goes_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = (*TRAINER, "seed=1")
    train(project, "unbroken", *changes)

    def save(self: StopPoint, trainer: Any, module: DiffusionModule, *_: Any) -> None:
        if trainer.global_step == 23:
            self.resume.save(trainer)
            raise stopping.Stopped("after a step")

    with monkeypatch.context() as patch:
        patch.setattr(StopPoint, "on_train_batch_end", save)
        train(project, "broken", *changes, status=130)
    assert "going on from the saved state" in train(project, "broken", *changes)
    compare(project, "broken", "unbroken", rel=0.01)


@contextlib.contextmanager
def dtypes_of_convolutions(patch: pytest.MonkeyPatch) -> Iterator[set[torch.dtype]]:
    """The numbers in which convolutions answer on the device, while it lasts."""
    seen: set[torch.dtype] = set()
    answer = nn.Conv2d.forward

    def noted(self: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
        found = answer(self, x)
        if found.device.type == DEVICE.type and self.training:
            seen.add(found.dtype)
        return found

    with patch.context() as inner:
        inner.setattr(nn.Conv2d, "forward", noted)
        yield seen


def test_on_a_gpu_the_network_computes_in_bfloat16(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dtypes_of_convolutions(monkeypatch) as seen:
        train(project, "half", *GPU)
    assert seen == {torch.bfloat16 if IS_GPU else torch.float32}
    asked = sm.load(project / "outputs" / "half" / "model.ckpt").config["trainer"]
    assert asked["precision"] == ("bf16-mixed" if IS_GPU else "32-true")
    compare(project, "half", "here", rel=0.1)


@on_gpu
def test_a_group_of_one_trains(project: Path) -> None:
    train(project, "group", "trainer=ddp", "trainer.processes=1")
    compare(project, "group", "here", rel=0.1)


@on_gpu
def test_a_gradient_scaler_finds_its_scale(project: Path) -> None:
    train(project, "scaled", *GPU, "trainer.precision=16-mixed")
    compare(project, "scaled", "here", rel=0.1)


@on_gpu
def test_an_idle_gpu_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(project, "idle", "seed=2", "training.steps=5", "training.picture_every=5")
    said = capsys.readouterr().err
    assert "and unused: trainer=gpu trains on one, in bfloat16" in said


@on_gpu
def test_memory_that_runs_out_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e9 / whole)
    try:
        wide = ("net.widths=[512,512]", "training.batch_size=4096")
        train(project, "wide", *GPU, *wide, status=2)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    lines = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(lines) == 1
    assert "there is not enough memory" in lines[0]
    assert "trainer.accumulate=2" in lines[0]


def test_a_checkpoint_samples_as_the_readme_says(project: Path) -> None:
    checkpoint = sm.load(project / "outputs" / "here" / "model.ckpt")
    shape, sampler = checkpoint.manifest.shape, sm.samplers.DPM(steps=8)
    drawn = []
    for device in (DEVICE, CPU):
        index = torch.arange(16, device=device)
        denoiser = checkpoint.denoiser().to(device).with_labels(index % 10)
        x = sm.sample(denoiser, sampler, index, shape, seed=0)
        assert sm.data.to_stored(x, checkpoint.manifest).device.type == device.type
        drawn.append(x)
    close(*drawn, rtol=1e-2, atol=1e-3)


GUIDANCE = (
    "none",
    "classifier_free",
    "inversion",
    "measurement",
    "measurement_blur",
    "measurement_mask",
    "repaint",
    "replacement",
)


@pytest.mark.parametrize("guidance", GUIDANCE)
def test_a_guidance_draws_the_same(project: Path, guidance: str) -> None:
    drawn = []
    for device in (DEVICE, CPU):
        changes = [f"sample.device={device}", f"guidance={guidance}", "sampler=ddim"]
        changes += ["paths.model=outputs/here", f"paths.samples=outputs/on_{device}"]
        few = ["sample.num_samples=24", "sample.batch_size=12", "sampler.steps=5"]
        in_process("sample", *ASKED, *changes, *few, cwd=project)
        file = project / "outputs" / f"on_{device}" / "samples.npy"
        drawn.append(np.load(file).astype(int))
    assert np.abs(drawn[0] - drawn[1]).mean() < 0.02


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_what_is_measured_is_the_same(project: Path, precision: str) -> None:
    """Features and likelihoods of samples that the device has drawn."""
    found = []
    for device in (DEVICE, CPU):
        changes = [f"sample.device={device}", f"sample.precision={precision}"]
        places = {"model": "here", "samples": f"of_{device}", "evaluation": f"at_{device}"}
        changes += [f"paths.{key}=outputs/{name}" for key, name in places.items()]
        changes.append(f"paths.reports=reports/{device}")
        for stage in ("sample", "evaluate"):
            in_process(stage, *ASKED, *changes, cwd=project)
        file = project / "reports" / str(device) / "metrics.json"
        found.append(json.loads(file.read_text(encoding="utf-8")))
    numbers = [numbers_of(one) for one in found]
    assert numbers[0].keys() == numbers[1].keys()
    for key, value in numbers[1].items():
        if "second" not in key:
            assert numbers[0][key] == pytest.approx(value, rel=0.05, abs=0.05), key


def numbers_of(content: Any, key: str = "") -> dict[str, float]:
    """Every number below nested names."""
    if isinstance(content, dict):
        parts = (numbers_of(value, f"{key}.{name}") for name, value in content.items())
        return {name: value for part in parts for name, value in part.items()}
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return {key: float(content)} if is_number else {}


@on_gpu
def test_a_compiled_network_trains_the_same(project: Path) -> None:
    train(project, "compiled", *GPU, "trainer.compile=true")
    compare(project, "compiled", "half", rel=0.05)
