"""Clouds drawn by samplers of diffusion, whose cost is the calls of a denoiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.dpm import DPM
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.sampling.samplers.sampler import Sampler, Watcher
from snowmelt.sampling.samplers.sde import EulerMaruyama


@dataclass(frozen=True)
class DiffusionMethod:
    """A sampler for any budget.

    Args:
        sampler: makes one that calls the denoiser at most that many times.
    """

    name: str
    sampler: Callable[[int], Sampler]


METHODS = (
    DiffusionMethod("DDPM chain", lambda calls: DDIM(calls, eta=1.0)),
    DiffusionMethod("reverse SDE", lambda calls: EulerMaruyama(calls)),
    DiffusionMethod("probability flow, Heun", lambda calls: Heun((calls + 1) // 2)),
    DiffusionMethod("probability flow, DPM++", lambda calls: DPM(calls)),
)
# For a learned score: one stochastic and one deterministic sampler.
LEARNED = (METHODS[0], METHODS[3])


@dataclass(frozen=True)
class Score:
    """A denoiser, the units that it works in, and the cost of its training.

    Args:
        name: "exact" or "learned".
        denoiser: of points (x - mean) / std.
        mean: (D,).
        training: evaluations of the network, with their gradients, in training.
    """

    name: str
    denoiser: Denoiser
    mean: Tensor
    std: float = 1.0
    training: int = 0


def draw(
    score: Score,
    sampler: Sampler,
    points: int,
    *,
    seed: int,
    watch: Watcher | None = None,
) -> Tensor:
    """A cloud, in the density's own units. Shapes: -> (points, D) float64"""
    index, shape = torch.arange(points), (score.mean.numel(),)
    x = sample(score.denoiser, sampler, index, shape, seed=seed, watch=watch)
    return score.mean + score.std * x.to(torch.float64)
