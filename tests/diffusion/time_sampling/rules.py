"""How tests ask a rule for its times."""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.diffusion.time_sampling import TimeSampler

PROCESS = VariancePreserving(Cosine())


def drawn(
    rule: TimeSampler, batch_size: int = 64, step: int = 0, seed: int = 3
) -> tuple[Tensor, Tensor]:
    """The times and weights of one whole batch."""
    slot = torch.arange(batch_size)
    return rule(slot, batch_size, seed=seed, step=step, process=PROCESS)


def many(rule: TimeSampler, batch_size: int, steps: int) -> Tensor:
    """The times of several steps. Shapes: -> (steps, batch_size)"""
    return torch.stack([drawn(rule, batch_size, step)[0] for step in range(steps)])


def distance(values: Tensor) -> float:
    """Kolmogorov's distance from the uniform distribution, times the root of the count."""
    ordered, count = values.flatten().sort().values, values.numel()
    grid = torch.arange(count, dtype=torch.float64) / count
    widest = torch.maximum((ordered - grid).abs(), (ordered - grid - 1 / count).abs()).max()
    return float(widest) * count**0.5
