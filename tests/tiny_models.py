"""Untrained models of points and images, of every kind that pictures are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from snowmelt.data.known_density import known_density
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Geometric, Learned, Linear, ZeroTerminal
from snowmelt.evaluation.plane import (
    compared_densities,
    compared_fields,
    point_model,
    truth_arrays,
)
from snowmelt.evaluation.plane.point_model import PointModel
from snowmelt.nets.mlp import MLP
from snowmelt.nets.unet import UNet
from snowmelt.sampling import compared_paths, picture_arrays
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.guidance.guidance import Conditioning, Guidance, Unguided
from snowmelt.sampling.sample_request import SampleRequest
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training.checkpoint import Checkpoint

COSINE = VariancePreserving(Cosine())
PROCESSES: dict[str, Process] = {
    "preserving": COSINE,
    "exploding": VarianceExploding(Geometric(0.01, 50.0)),
    "sub": SubVariancePreserving(Linear(0.1, 20.0)),
    "learned": VariancePreserving(Learned()),
    "no signal": VariancePreserving(ZeroTerminal(Linear(0.1, 20.0))),
}
PAIR = {"_target_": "snowmelt.data.DoubleGaussian", "name": "pair"}
SOLID = {
    "_target_": "snowmelt.data.Known",
    "name": "solid",
    "density": {"_target_": "snowmelt.densities.DoubleGaussian", "size": 3},
}
IMAGE = (1, 4, 4)
REAL = 40


def points(size: int = 2, config: dict[str, Any] | None = None) -> Manifest:
    """The manifest of points of this many coordinates."""
    return Manifest(
        kind="points",
        name="points",
        count=30,
        train_count=20,
        held_out_count=10,
        shape=(size,),
        dtype="float32",
        value_range=None,
        classes=("a", "b"),
        class_counts={"a": 15, "b": 15},
        mean=(0.3, -1.0, 2.0)[:size],
        std=0.6,
        split={"kind": "official", "seed": 0, "held_out_fraction": None},
        skipped=(),
        notes=(),
        digests={"points.npy": "d" * 64},
        config=config or {},
    )


def images() -> Manifest:
    """The manifest of images of 17 levels."""
    return replace(
        points(), kind="images", shape=IMAGE, value_range=(0, 16), dtype="uint8",
        mean=None, std=None, classes=None, class_counts=None,
        digests={"images.npy": "d" * 64},
    )  # fmt: skip


def network(manifest: Manifest, process: Process = COSINE, classes: int = 0) -> Denoiser:
    """An untrained network, the same one each time."""
    torch.manual_seed(0)
    if manifest.kind == "images":
        shape = manifest.shape
        net: Any = UNet(shape, widths=[8], blocks=1, attention=[False], embedding=8)
    else:
        net = MLP(manifest.shape, width=8, blocks=1, embedding=8, classes=classes)
    return Denoiser(net, process, V()).eval()


def real(size: int = 2) -> torch.Tensor:
    """Points of the data, in the model's units."""
    return torch.randn(REAL, size, generator=torch.Generator().manual_seed(1))


def generator(
    manifest: Manifest,
    process: Process = COSINE,
    *,
    sampler: Sampler | None = None,
    guidance: Guidance | None = None,
    conditioning: Conditioning | None = None,
    classes: int = 0,
    count: int = 30,
) -> Generator:
    """Of an untrained network."""
    request = SampleRequest(
        checkpoint=Checkpoint("i", 1, {}, manifest, raw={}, ema={}),
        checkpoint_digest="c",
        sampler=sampler or DDIM(3),
        guidance=guidance or Unguided(),
        conditioning=conditioning or Conditioning(shape=manifest.shape),
        settings={"sampler": {}, "guidance": {}},
        num_samples=count,
    )
    return Generator(request, network(manifest, process, classes))


def arrays_of(
    asked: Generator, folder: Path, *, is_real: bool = True, is_evaluated: bool = True
) -> tuple[Path, Path]:
    """What the stages sample and evaluate leave of a model: two folders."""
    drawn, truth = folder / "samples", folder / "evaluation"
    for made in (drawn, truth):
        made.mkdir(parents=True)
    manifest = asked.manifest
    samples = asked.draw(torch.arange(asked.request.num_samples))
    np.save(drawn / "samples.npy", samples)
    at_hand = real(manifest.shape[0]) if is_real and manifest.kind == "points" else None
    picture_arrays.save(asked, drawn, at_hand)
    if is_evaluated and manifest.kind == "points":
        density = known_density(manifest)
        model = PointModel(asked.denoiser, manifest, density, at_hand, seed=0)
        truth_arrays.save(model, samples, drawn, truth)
    return drawn, truth


def make_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few of everything, so that a test takes a moment."""
    monkeypatch.setattr(picture_arrays, "FILM_MOMENTS", 4)
    monkeypatch.setattr(compared_densities, "CELLS", 8)
    monkeypatch.setattr(compared_fields, "ARROWS", 5)
    monkeypatch.setattr(point_model, "CELLS", 9)
    for name, few in (("FOLLOWED", 3), ("STEPS", 4), ("HEUN_STEPS", 3)):
        monkeypatch.setattr(compared_paths, name, few)
