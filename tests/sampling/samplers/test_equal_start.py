"""Schedules are compared on equal terms: samples of one index start from the same noise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.sampling.samplers import DDIM, sample

FILES = sorted((Path(__file__).parents[3] / "conf/schedule").glob("*.yaml"))
INDEX = torch.arange(4)


class Spy(nn.Module):
    """Answers nothing, and keeps the first state that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.first: Tensor | None = None

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        self.first = x if self.first is None else self.first
        return torch.zeros_like(x)


def start(schedule: NoiseSchedule, seed: int = 3) -> Tensor:
    """The state that the network sees first, in units of its own spread."""
    spy = Spy()
    denoiser = Denoiser(spy, VariancePreserving(schedule), V())
    sample(denoiser, DDIM(3), INDEX, (5,), seed=seed)
    assert spy.first is not None
    return spy.first / spy.first.std()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_schedule_starts_from_the_same_noise(file: Path) -> None:
    found = start(build(OmegaConf.load(file), NoiseSchedule))
    torch.testing.assert_close(found, start(Cosine()), rtol=1e-5, atol=1e-6)


def test_another_seed_is_other_noise() -> None:
    assert not torch.allclose(start(Cosine(), 4), start(Cosine()), atol=0.1)
