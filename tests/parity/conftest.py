"""Denoisers of one chain that both sides are given, and trajectories through it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import Eps, Prediction
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import LinearBetas
from snowmelt.sampling.samplers.sampler import Sampler

STEPS = 1000
SHAPE = (5, 3, 2)


class Curved(nn.Module):
    """A network without weights: smooth, not linear, and different at every noise level."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        level = torch.sigmoid(log_snr)[:, None, None]
        answer = (1 - level).sqrt() * x + 0.2 * level * torch.sin(2 * x)
        share = torch.cos(x + level)
        return torch.cat((answer, share), dim=1) if self.outputs == 2 else answer


@pytest.fixture
def denoiser() -> Callable[..., Denoiser]:
    """Makes the denoiser of Ho's chain around that network."""

    def make(
        prediction: Prediction | None = None,
        process: Process | None = None,
        learned_variance: bool = False,
    ) -> Denoiser:
        return Denoiser(
            Curved(2 if learned_variance else 1),
            process or VariancePreserving(LinearBetas(STEPS)),
            prediction or Eps(),
            learned_variance,
        )

    return make


def start() -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)).double()


def noises(count: int) -> Tensor:
    """The noise of each step. Shapes: -> (count, 1, *SHAPE)"""
    generator = torch.Generator().manual_seed(2)
    return torch.randn(count, 1, *SHAPE, generator=generator).double()


def walk(sampler: Sampler, denoiser: Denoiser, times: Tensor, x: Tensor) -> list[Tensor]:
    """Every state of our own trajectory after the start, the data last."""
    memory: dict[str, object] = {}
    states, fresh = [], noises(len(times))
    for number, (t, s) in enumerate(itertools.pairwise(times)):
        noise = fresh[number] if sampler.draws else fresh[number][:0]
        x = sampler.step(denoiser, x, t, s, noise, memory)
        states.append(x)
    return [*states, sampler.last(denoiser, x, times[-1])]
