r"""DDIM inversion: encodes data as the noise from which DDIM would generate it.

DDIM is an Euler rule for the probability-flow equation in the coordinates $\bar x =
x/\alpha$ and $r = \sigma/\alpha$, where that equation is $d\bar x/dr = \hat\epsilon$. An
equation without noise can be run in both directions, and upwards, from $s$ to $t > s$,

$$x_t = \alpha_t\,\hat x_0(x_s, s) + \sigma_t\,\hat\epsilon(x_s, s).$$

That is not the inverse of DDIM's step down, which evaluates the network at $(x_t, t)$: the
two differ by the square of the step's length, so a round trip has an error of first order
in the length, whose size shows how many steps an edit by inversion needs. The error is
larger for data that is improbable under the model.

References:
    Song, Meng & Ermon (2021), arXiv:2010.02502, section 4.3 and eq. 14.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.grids import Grid, Trailing
from snowmelt.sampling.samplers.loop import descend
from snowmelt.sampling.samplers.sampler import Watcher
from snowmelt.sampling.samplers.thresholds import Threshold


class RoundTrip(NamedTuple):
    """What `round_trip` gives.

    Attributes:
        latent: (B, *D); the state at the first time of the grid, noise if all is well.
        restored: (B, *D); what the latent decodes to.
        error: (B,); the root of the mean square of what changed, in the model's units.
    """

    latent: Tensor
    restored: Tensor
    error: Tensor


@torch.no_grad()
def encode(
    denoiser: Denoiser,
    x_0: Tensor,
    *,
    steps: int,
    grid: Grid | None = None,
    watch: Watcher | None = None,
) -> Tensor:
    """The state at the first time of a grid that DDIM decodes to given data.

    The data is taken for a state at t = 0, which differs from it by no more than the noise
    that the schedule begins with.

    Args:
        x_0: in the model's range.
        steps: times of the grid.
        grid: None: equally spaced, up to pure noise.
        watch: called as `watch(step, t, x)` with every state, from t = 0 up.

    Shapes:
        x_0: (B, *D) -> (B, *D)

    Raises:
        ValueError: fewer than one step, or the grid has no such number of times.
    """
    process, denoiser = denoiser.process, denoiser.on_a_trajectory()
    grid = Trailing() if grid is None else grid
    down = DDIM(steps, grid=grid).times(process).to(x_0.device)
    # Some grids visit t = 0 themselves.
    times = torch.unique(torch.cat((down, down.new_zeros(1))), sorted=True)
    x = x_0
    for number, (s, t) in enumerate(itertools.pairwise(times)):
        if watch is not None:
            watch(number, s, x)
        x_0_hat, eps_hat = denoiser.estimates(x, s)
        alpha, sigma = denoiser.scales(x, t)
        x = alpha * x_0_hat + sigma * eps_hat
    if watch is not None:
        watch(len(times) - 1, times[-1], x)
    return x


def decode(
    denoiser: Denoiser,
    x_1: Tensor,
    *,
    steps: int,
    grid: Grid | None = None,
    threshold: Threshold | None = None,
    watch: Watcher | None = None,
) -> Tensor:
    """The data that DDIM makes of a state at the first time of a grid.

    Args:
        x_1: noise, or what `encode` gave for the same steps and grid.
        steps, grid, threshold: see `Sampler`.
        watch: called as `watch(step, t, x)` with every state, down to t = 0.

    Shapes:
        x_1: (B, *D) -> (B, *D)

    Raises:
        ValueError: fewer than one step, or the grid has no such number of times.
    """
    sampler = DDIM(steps, eta=0.0, grid=grid, threshold=threshold)
    # DDIM draws nothing, so nothing depends on the index and the seed.
    index = torch.arange(len(x_1), device=x_1.device)
    return descend(denoiser, sampler, x_1, index=index, seed=0, watch=watch)


def round_trip(
    denoiser: Denoiser, x_0: Tensor, *, steps: int, grid: Grid | None = None
) -> RoundTrip:
    """Data encoded and decoded again, with the error of that.

    Shapes:
        x_0: (B, *D)

    Raises:
        ValueError: fewer than one step, or the grid has no such number of times.
    """
    latent = encode(denoiser, x_0, steps=steps, grid=grid)
    restored = decode(denoiser, latent, steps=steps, grid=grid)
    error = (restored - x_0).flatten(1).square().mean(1).sqrt()
    return RoundTrip(latent, restored, error)
