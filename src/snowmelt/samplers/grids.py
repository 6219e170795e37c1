"""Time grids: at which times a sampler asks the network."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform_grid(steps: int) -> Tensor:
    r"""Equally spaced times from 1 down to $1 / N$, one for each evaluation.

    From the last of them a sampler steps to the data itself. The chain of Ho et al. visits
    its N indices in the same way: the last one is the first noising step, not the data.

    Shapes:
        -> (N,) float64

    Raises:
        ValueError: fewer than one step.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    return torch.arange(steps, 0, -1, dtype=torch.float64) / steps
