"""Prepared draws of a known density, and checkpoints that are right or wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from snowmelt.common.instantiate import build
from snowmelt.data.known_density import known_density
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.sources.source import Source
from snowmelt.densities import ExactNet, Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.training.checkpoint import Checkpoint

GAUSSIAN = {"_target_": "snowmelt.densities.Gaussian", "mean": [4.0, -2.0], "std": 3.0}
Prepare = Callable[..., PreparedData]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """A function that writes draws of a density as the stage does."""

    def write(
        density: dict[str, Any] = GAUSSIAN, train: int = 300, held_out: int = 100
    ) -> PreparedData:
        config = {
            "_target_": "snowmelt.data.Known",
            "name": "known",
            "density": density,
            "count": train,
            "held_out_count": held_out,
        }
        raw = build(config, Source).read()
        folder = tmp_path / "prepared"
        dataset.write(
            folder,
            examples=raw.examples,
            labels=raw.labels,
            classes=raw.classes,
            name="known",
            held_out=raw.held_out,
            held_out_fraction=None,
            config=config,
        )
        return PreparedData.open(folder)

    return write


class Wrong(nn.Module):
    """The exact answer in terms of v, with this much added to the noise that it implies."""

    def __init__(self, density: Perturbable, added: float = 0.0) -> None:
        super().__init__()
        self.exact, self.added = ExactNet(density, V()), added
        # Where a network computes is asked of its parameters.
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        v: Tensor = self.exact(x, log_snr, labels)
        # eps = sigma x + alpha v, in unit coordinates
        alpha = torch.sigmoid(log_snr).sqrt().reshape(-1, 1)
        return v + self.added / alpha


@dataclass(frozen=True)
class Fixed(Checkpoint):
    """A checkpoint of a network without weights."""

    net: nn.Module | None = None

    def denoiser(self, weights: str = "ema") -> Denoiser:
        assert self.net is not None
        return Denoiser(self.net, VariancePreserving(Cosine()), V())


Make = Callable[..., Fixed]


@pytest.fixture
def checkpoint_of() -> Make:
    """A function that makes a checkpoint, by itself one without any error."""

    def make(
        data: PreparedData,
        density: Perturbable | None = None,
        added: float = 0.0,
        **config: Any,
    ) -> Fixed:
        density = density or known_density(data.manifest)
        assert density is not None
        sections = {
            "schedule": {"_target_": "snowmelt.schedules.Cosine"},
            "process": {"_target_": "snowmelt.processes.VariancePreserving"},
        }
        return Fixed(
            "ab12", 70, sections | config, data.manifest, {}, {}, net=Wrong(density, added)
        )

    return make


def as_tensor(rows: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(rows))
