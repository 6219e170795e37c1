"""The divergences between normal distributions that the bound is made of."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.diffusion.processes import Process


@torch.no_grad()
def prior_nats(process: Process, x_0: Tensor) -> Tensor:
    r"""$\mathrm{KL}(q(x_1 \mid x_0) \,\|\, N(0, \mathrm{prior\_std}^2))$, summed over D.

    Shapes:
        x_0: (B, *D) -> (B,) float64
    """
    end = x_0.new_ones((), dtype=torch.float64)
    std = process.prior_std()
    log_ratio = 2.0 * (torch.log(process.sigma(end)) - math.log(std))
    moved = (process.alpha(end) / std * x_0.double()).square()
    return (0.5 * (torch.expm1(log_ratio) - log_ratio + moved)).flatten(1).sum(1)


def step_divergence(excess: Tensor, error: Tensor) -> Tensor:
    r"""$\tfrac12\sum[\mathrm{expm1}(-\delta) + \delta + e^{-\delta} d^2]$, of two normals.

    Args:
        excess: $\delta$, the logarithm of the second's variance over the first's.
        error: $d^2$, the squared distance of the means over the first's variance.

    Shapes:
        excess, error: broadcast to (B, *D) -> (B,) float64
    """
    nats = 0.5 * (torch.expm1(-excess) + excess + torch.exp(-excess) * error)
    return nats.flatten(1).to(torch.float64).sum(1)
