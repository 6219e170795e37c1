"""Pixels whose law is known: a normal distribution, rounded to levels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from snowmelt.densities import GaussianMixture
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import X0
from snowmelt.diffusion.processes import Process

_RARE = 1e-9  # levels of less probability are left out
_POINT = 1e-14  # the variance of a level, which is a point


@dataclass(frozen=True)
class Pixels:
    """One pixel of `count` levels from -1 to 1.

    Args:
        mean, std: of the normal distribution before it is rounded.
    """

    count: int
    mean: float = 0.1
    std: float = 0.4

    @cached_property
    def places(self) -> Tensor:
        """The levels that occur. Shapes: -> (L,) float64"""
        return self._all[self._mass > _RARE]

    @cached_property
    def probabilities(self) -> Tensor:
        """Shapes: -> (L,)"""
        kept = self._mass[self._mass > _RARE]
        return kept / kept.sum()

    @property
    def _all(self) -> Tensor:
        return 2.0 * torch.arange(self.count, dtype=torch.float64) / (self.count - 1) - 1.0

    @property
    def _mass(self) -> Tensor:
        edges = (self._all[1:] + self._all[:-1]) / 2
        below = torch.special.ndtr((edges - self.mean) / self.std)
        zero, one = below.new_zeros(1), below.new_ones(1)
        return torch.cat((zero, below, one)).diff()

    @property
    def entropy(self) -> float:
        """In bits."""
        share = self.probabilities
        return float(-(share * share.log()).sum()) / math.log(2)

    def denoiser(self, process: Process) -> Denoiser:
        """The one without error."""
        return self.density.denoiser(process, X0())

    @cached_property
    def density(self) -> GaussianMixture:
        return GaussianMixture(self.probabilities, self.places[:, None], _POINT)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Each level as often as it is probable, in a random order, and its bits.

        Shapes:
            -> (count, 1) float64, (count,)
        """
        place = (torch.arange(count, dtype=torch.float64) + 0.5) / count
        order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
        level = torch.searchsorted(self.probabilities.cumsum(0), place[order])
        level = level.clamp(max=len(self.places) - 1)
        bits = -self.probabilities[level].log() / math.log(2)
        return self.places[level][:, None], bits
