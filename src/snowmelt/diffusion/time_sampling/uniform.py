"""Time samplers with uniform times: independent, or stratified over the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least
from snowmelt.common.bounds import Count
from snowmelt.common.randomness import Stream, uniform
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.time_sampling.time_sampler import TimeSampler


class Independent(TimeSampler):
    """Every time is drawn independently."""

    def forward(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int, process: Process
    ) -> tuple[Tensor, Tensor]:
        return _drawn(slot, seed, step), torch.ones(len(slot), device=slot.device)


class LowDiscrepancy(TimeSampler):
    """Times spread evenly over the batch, with one common random shift a step.

    The batch covers (0, 1) without gaps, which lowers the variance of the loss. A place of
    the batch always looks at its own stretch of the time, from i/B to (i + 1)/B; examples
    come to the places in random order, so that for each of them the time is uniform.

    References:
        Kingma et al. (2021), arXiv:2107.00630, appendix I.1. Theirs also moves the
        stretches round the places; as a set the times of a batch are the same.
    """

    def forward(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int, process: Process
    ) -> tuple[Tensor, Tensor]:
        times = spread(slot, batch_size, seed, step)
        return times, torch.ones(len(slot), device=slot.device)


class Antithetic(TimeSampler):
    """Times in pairs, t and 1 - t: the batch's second place mirrors the first, and so on.

    What grows or falls with the time averages out within a pair.
    """

    def forward(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int, process: Process
    ) -> tuple[Tensor, Tensor]:
        first = _drawn(slot // 2, seed, step)
        times = torch.where(slot % 2 == 0, first, 1.0 - first)
        return times, torch.ones(len(slot), device=slot.device)


class Discrete(TimeSampler):
    """The times 1/T, 2/T, ..., 1 of a chain: those of another sampler, rounded up.

    Args:
        steps: T.
        of: the other time sampler; None: low discrepancy.

    Raises:
        ValueError: fewer than one step.
    """

    def __init__(self, steps: Count = 1000, of: TimeSampler | None = None) -> None:
        super().__init__()
        check_at_least(1, steps=steps)
        self.steps = steps
        self.of = LowDiscrepancy() if of is None else of
        self.learns = self.of.learns

    def forward(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int, process: Process
    ) -> tuple[Tensor, Tensor]:
        times, weights = self.of(slot, batch_size, seed=seed, step=step, process=process)
        number = torch.floor(times * self.steps) + 1
        return number.clamp(max=self.steps) / self.steps, weights

    def update(self, t: Tensor, losses: Tensor) -> None:
        # Back from the end of its step to the middle of the times that were rounded up.
        self.of.update(t - 0.5 / self.steps, losses)


def spread(slot: Tensor, batch_size: int, seed: int, step: int) -> Tensor:
    """Uniform numbers spread evenly over the batch. Shapes: slot: (B,) -> (B,) float64"""
    return (slot + _drawn(slot[:1] * 0, seed, step)) / batch_size


def _drawn(index: Tensor, seed: int, step: int) -> Tensor:
    """One uniform number an index. Shapes: (B,) -> (B,) float64"""
    stream = Stream.TRAINING_TIME
    return uniform((1,), seed=seed, stream=stream, index=index, step=step)[:, 0]
