r"""Whole trajectories of the forward and of the reverse process.

A marginal gives the distribution of points at a time, but not where each came from. The
forward process is a Markov chain: from the data itself at $t = 0$,

$$x_t = \frac{\alpha_t}{\alpha_s}\,x_s + \sigma_{t|s}\,\epsilon, \qquad s < t,$$

with fresh noise for every step. Two kernels in sequence are again such a kernel, so the
times may be chosen freely: those in between do not change the law of the others. Two
classical processes of physics are examples. A variance-exploding process is a random walk,
and with the schedule `RandomWalk` its variance grows linearly, as in Einstein's theory. A
variance-preserving process of constant $\beta$ (`Exponential`) is the Ornstein-Uhlenbeck
process: data of unit variance keeps its variance, and its correlation decays as
$\mathrm{E}[x_s x_t] = e^{-\beta |t - s| / 2}$.

The reverse process is that of a sampler, state by state.

References:
    Einstein (1905), Annalen der Physik 17; Uhlenbeck & Ornstein (1930), Physical Review 36.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, expand
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.sampler import Sampler


@torch.no_grad()
def visible_scale(process: Process, t: Tensor) -> float:
    """The factor that scales a state to the variance of data: below 1 where that grew."""
    length = math.hypot(float(process.alpha(t)), float(process.sigma(t)))
    return 1.0 / length if length > 1.0 + 1e-6 else 1.0


@dataclass(frozen=True)
class Trajectory:
    """States of N paths at K times.

    Shapes:
        times: (K,) float64, states: (K, N, *D)
    """

    times: Tensor
    states: Tensor


@torch.no_grad()
def forward(
    process: Process,
    x_0: Tensor,
    times: Tensor | Sequence[float],
    *,
    seed: int,
    index: Tensor | None = None,
) -> Trajectory:
    r"""A trajectory from data to noise, by one draw of the Markov kernel for each step.

    The first state is the data without any noise. A process has some at $t = 0$ already, of
    scale $\sigma(0)$; it comes with the first step, and the marginals at all later times
    are those of the process.

    Args:
        x_0: where the paths start.
        times: rising, from 0.
        seed: of the noise.
        index: the number of each path, which keys its noise; None: 0, 1, 2 ... The same
            path at other times has other noise.

    Shapes:
        x_0: (N, *D), times: (K,), index: (N,)

    Raises:
        ValueError: times that do not rise from 0, or an index that does not fit the data.
    """
    clock = torch.as_tensor(times, dtype=torch.float64)
    if clock.ndim != 1 or not len(clock) or clock[0] != 0:
        raise ValueError(f"times must be a row that starts at 0, got {clock.tolist()}")
    if not (clock.diff() > 0).all() or not clock[-1] <= 1:
        raise ValueError(f"times must rise, and to no more than 1, got {clock.tolist()}")
    numbers = torch.arange(len(x_0), device=x_0.device) if index is None else index
    if numbers.shape != (len(x_0),):
        raise ValueError(
            f"index must have one number for each of {len(x_0)} paths, got the shape"
            f" {tuple(numbers.shape)}"
        )
    states = [x_0]
    on_device = clock.to(x_0.device)
    for step in range(1, len(clock)):
        s, t = on_device[step - 1], on_device[step]
        if step == 1:
            mean = expand(process.alpha(t), x_0) * x_0
            std = process.sigma(t)
        else:
            mean, variance = process.transition(states[-1], s, t)
            std = variance.sqrt()
        shape = tuple(x_0.shape[1:])
        noise = normal(shape, seed=seed, stream=Stream.TRAJECTORY, index=numbers, step=step)
        states.append(mean + expand(std, x_0) * noise.to(x_0.dtype))
    return Trajectory(clock, torch.stack(states))


def reverse(
    denoiser: Denoiser,
    sampler: Sampler,
    index: Tensor,
    shape: tuple[int, ...],
    *,
    seed: int,
) -> Trajectory:
    """The trajectory of a sampler, with every state from noise to data.

    The times fall from the first of the sampler's grid to 0, where the state is what
    `sample` gives.

    Args:
        index, shape, seed: see `sample`.

    Shapes:
        index: (N,) -> states (K, N, *shape)
    """
    times: list[float] = []
    states: list[Tensor] = []

    def keep(step: int, t: Tensor, x: Tensor) -> None:
        times.append(float(t))
        states.append(x)

    sample(denoiser, sampler, index, shape, seed=seed, watch=keep)
    return Trajectory(torch.tensor(times, dtype=torch.float64), torch.stack(states))
