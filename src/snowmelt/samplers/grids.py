r"""Time grids: at which times a sampler asks the network.

A grid gives one time for each evaluation, from noise down; from the last of them a sampler
steps to the data itself. Index $i = 0 \dots T-1$ of a discrete chain, at which $i + 1$ noising
steps were taken, is the time $(i + 1)/T$.

References:
    Lin et al. (2023), arXiv:2305.08891, table 2 (leading, linspace, trailing);
    Karras et al. (2022), arXiv:2206.00364, eq. 5.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.processes import Process


class Grid(ABC):
    """A rule for the times of a given number of steps."""

    @abstractmethod
    def times(self, steps: int, process: Process) -> Tensor:
        """Strictly decreasing times in [0, 1].

        Shapes:
            -> (steps,) float64

        Raises:
            ValueError: the grid has no such number of times, or not for this process.
        """


class Trailing(Grid):
    r"""Equally spaced times from 1 down to $1/N$: the one grid that starts from pure noise
    and ends one step before the data, whatever N.

    The chain of Ho et al. visits its N indices in the same way.
    """

    def times(self, steps: int, process: Process) -> Tensor:
        return torch.arange(steps, 0, -1, dtype=torch.float64) / steps
