"""What a sampler is, and the one loop that runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from snowmelt.denoiser import Denoiser
from snowmelt.randomness import Stream, normal
from snowmelt.samplers.grids import uniform_grid

Watcher = Callable[[int, Tensor, Tensor], None]


class Sampler(ABC):
    """A rule for one step down in time, and the grid of times to take it on."""

    order: int
    """The declared order of convergence in the step size."""

    def __init__(self, steps: int) -> None:
        uniform_grid(steps)
        self.steps = steps

    @property
    @abstractmethod
    def is_stochastic(self) -> bool:
        """Whether `step` uses its noise."""

    @abstractmethod
    def step(
        self, denoiser: Denoiser, x_t: Tensor, t: Tensor, s: Tensor, noise: Tensor
    ) -> Tensor:
        """The state at an earlier time.

        Shapes:
            x_t: (B, *D), t, s: () with s < t, noise: (B, *D) -> (B, *D)
        """

    @abstractmethod
    def last(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> Tensor:
        """The data, from the state at the last time of the grid; no noise is added.

        Shapes:
            x_t: (B, *D), t: () -> (B, *D)
        """


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    sampler: Sampler,
    index: Tensor,
    shape: tuple[int, ...],
    *,
    seed: int,
    watch: Watcher | None = None,
) -> Tensor:
    r"""Draw one sample for each index.

    All noise is keyed by (seed, index), so a sample does not depend on the batch it was
    drawn in.

    Args:
        index: which samples to draw, on the device of the denoiser.
        shape: the event shape, `*D`.
        seed: of the noise.
        watch: called as `watch(step, t, x)` with the state before each step and, with
            t = 0, the result.

    Shapes:
        index: (B,) -> (B, *shape), float32 in the model's range
    """
    device = index.device
    times = uniform_grid(sampler.steps).to(device)
    start = normal(shape, seed=seed, stream=Stream.SAMPLING_START, index=index)
    x = start * float(denoiser.process.prior_std())
    for number, t in enumerate(times[:-1]):
        if watch is not None:
            watch(number, t, x)
        noise = torch.zeros_like(x)
        if sampler.is_stochastic:
            noise = normal(
                shape, seed=seed, stream=Stream.SAMPLING_STEP, index=index, step=number
            )
        x = sampler.step(denoiser, x, t, times[number + 1], noise)
    if watch is not None:
        watch(len(times) - 1, times[-1], x)
    x = sampler.last(denoiser, x, times[-1])
    if watch is not None:
        watch(len(times), torch.zeros((), dtype=torch.float64), x)
    return x
