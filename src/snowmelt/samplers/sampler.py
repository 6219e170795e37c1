"""What a sampler is, and the one loop that runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from snowmelt.denoiser import Denoiser
from snowmelt.processes import Process
from snowmelt.randomness import Stream, normal
from snowmelt.samplers.constraint import Constraint
from snowmelt.samplers.grids import Grid, Trailing
from snowmelt.samplers.thresholds import Threshold

Watcher = Callable[[int, Tensor, Tensor], None]
Memory = dict[str, Any]


class Sampler(ABC):
    """A rule for one step down in time, and the grid of times to take it on.

    Args:
        steps: times of the grid.
        grid: where they lie; None: equally spaced, from pure noise.
        threshold: applied to every estimate of the data; None: none.

    Raises:
        ValueError: fewer than one step.
    """

    order: int
    """The declared order of convergence in the step size."""

    draws: int = 0
    """How many independent normal draws one step uses; none: it is deterministic."""

    def __init__(
        self, steps: int, grid: Grid | None = None, threshold: Threshold | None = None
    ) -> None:
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        self.steps = steps
        self.grid = Trailing() if grid is None else grid
        self.threshold = threshold

    @property
    def evaluations(self) -> int:
        """Calls of the network for one sample."""
        return self.steps

    def times(self, process: Process) -> Tensor:
        """The grid of this sampler for a process. Shapes: -> (steps,) float64"""
        return self.grid.times(self.steps, process)

    def estimates(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The estimate of the data within its threshold, and the noise that goes with it.

        Shapes:
            x_t: (B, *D), t: () -> x_0_hat (B, *D), eps_hat (B, *D)
        """
        return self.thresholded(*denoiser.estimates(x_t, t), denoiser, x_t, t)

    def thresholded(
        self, x_0_hat: Tensor, eps_hat: Tensor, denoiser: Denoiser, x_t: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Both estimates after the threshold: `x_t` stays what they add up to."""
        if self.threshold is None:
            return x_0_hat, eps_hat
        x_0_hat = self.threshold(x_0_hat)
        alpha, sigma = denoiser.scales(x_t, t)
        return x_0_hat, (x_t - alpha * x_0_hat) / sigma

    @abstractmethod
    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        """The state at an earlier time.

        Args:
            noise: standard normal, one for each of `draws`.
            memory: what this sampler left there at earlier steps of the same trajectory;
                empty at the first.

        Shapes:
            x_t: (B, *D), t, s: () with s < t, noise: (draws, B, *D) -> (B, *D)
        """

    def last(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> Tensor:
        """The data, from the state at the last time of the grid; no noise is added.

        Shapes:
            x_t: (B, *D), t: () -> (B, *D)
        """
        return self.estimates(denoiser, x_t, t)[0]


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    sampler: Sampler,
    index: Tensor,
    shape: tuple[int, ...],
    *,
    seed: int,
    watch: Watcher | None = None,
    constraint: Constraint | None = None,
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
        constraint: what every state is made to agree with.

    Shapes:
        index: (B,) -> (B, *shape), float32 in the model's range
    """
    process, device = denoiser.process, index.device
    times = sampler.times(process).to(device)
    memory: Memory = {}
    turns = 1 if constraint is None else constraint.resamples

    def noise(stream: Stream, step: int) -> Tensor:
        return normal(shape, seed=seed, stream=stream, index=index, step=step)

    x = noise(Stream.SAMPLING_START, 0) * float(process.prior_std())
    for number, (t, s) in enumerate(zip(times[:-1], times[1:], strict=True)):
        if watch is not None:
            watch(number, t, x)
        for turn in range(number * turns, (number + 1) * turns):
            draws = [turn * sampler.draws + k for k in range(sampler.draws)]
            drawn = [noise(Stream.SAMPLING_STEP, draw) for draw in draws]
            fresh = torch.stack(drawn) if drawn else x.new_zeros(0, *x.shape)
            x = sampler.step(denoiser, x, t, s, fresh, memory)
            if constraint is None:
                continue
            x = constraint.impose(process, x, s, noise(Stream.CONSTRAINT, 2 * turn))
            if turn + 1 < (number + 1) * turns:
                mean, variance = process.transition(x, s, t)
                x = mean + variance.sqrt() * noise(Stream.CONSTRAINT, 2 * turn + 1)
                memory.clear()
    if watch is not None:
        watch(len(times) - 1, times[-1], x)
    x = sampler.last(denoiser, x, times[-1])
    end = torch.zeros((), dtype=torch.float64, device=device)
    if constraint is not None:
        x = constraint.impose(process, x, end, torch.zeros_like(x))
    if watch is not None:
        watch(len(times), end, x)
    return x
