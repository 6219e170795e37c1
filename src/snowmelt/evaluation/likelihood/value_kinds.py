r"""The kinds of values of data: discrete levels with probabilities, points with densities.

The two differ in the last term of a likelihood. Pixels of L levels lie at $2k/(L-1) - 1$,
$k = 0 \dots L-1$, each in the middle of a bin of width $w = 2/(L-1)$, and have the
probability of their bin. Points have a density, which depends on the unit of length.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, eq. 13 (the discretised Gaussian);
    Theis, van den Oord & Bethge (2016), arXiv:1511.01844, section 3.1 (dequantisation).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least, check_positive
from snowmelt.diffusion.discretised_normal import log_likelihood
from snowmelt.diffusion.processes import Process

LEAST_PROBABILITY = 1e-12
_OFF_LEVEL = 1e-3  # of a bin's width: what float32 may lose on the way to [-1, 1]


class Values(ABC):
    """The kind of values that the data has."""

    offset: float
    r"""Nats a dimension to add to $-\log p(x)$ of the model's density to get the data's."""

    @abstractmethod
    def reconstruction_nats(
        self, x_0: Tensor, mean: Tensor, log_variance: Tensor
    ) -> Tensor:
        r"""$-\log p(x_0)$ under a normal distribution with these moments, summed over D.

        Shapes:
            x_0, mean: (B, *D), log_variance: any that broadcasts to them -> (B,) float64
        """


class Levels(Values):
    r"""Pixels of L equally spaced levels in [-1, 1].

    The discretised Gaussian log-likelihood gives level k the mass of a normal distribution
    between $x - \tfrac1{L-1}$ and $x + \tfrac1{L-1}$; the two extreme levels take the
    tails, so that all levels together have probability 1. No probability counts as less
    than $10^{-12}$, as in the published evaluations.

    Dequantisation spreads an example evenly over its bin: with $u \sim U(0,1)$,
    $x = x_0 + w(u - \tfrac12)$, and by Jensen's inequality
    $-\log P(x_0) \le \mathrm{E}_u[-\log p(x)] - D \log w$.

    Args:
        levels: L, as the data's manifest declares it.

    Raises:
        ValueError: fewer than two levels; or, later, data between them, for which
            neither statement above would hold.
    """

    def __init__(self, levels: int) -> None:
        check_at_least(2, levels=levels)
        self.levels = levels
        self.width = 2.0 / (levels - 1)
        self.offset = -math.log(self.width)

    def reconstruction_nats(
        self, x_0: Tensor, mean: Tensor, log_variance: Tensor
    ) -> Tensor:
        exact = self._level(x_0) * self.width - 1.0
        log_mass = log_likelihood(exact, mean, 0.5 * log_variance, self.levels)
        return -log_mass.clamp(min=math.log(LEAST_PROBABILITY)).flatten(1).sum(1)

    def spread(self, x_0: Tensor, shift: Tensor) -> Tensor:
        """A point of each level's bin.

        Args:
            shift: uniform in (0, 1).

        Shapes:
            x_0, shift: (B, *D) -> (B, *D)
        """
        self._level(x_0)
        return x_0 + (self.width * (shift - 0.5)).to(x_0.dtype)

    def time_of(self, width: float, process: Process, earliest: float) -> float:
        """The time at which noise is so wide in the data's scale; at least `earliest`."""
        log_snr = torch.tensor(-2.0 * math.log(width), dtype=torch.float64)
        first = process.log_snr(torch.tensor(earliest, dtype=torch.float64))
        if float(first) <= float(log_snr):
            return earliest
        return float(process.time(log_snr))

    def _level(self, x_0: Tensor) -> Tensor:
        place = (x_0.double() + 1.0) / self.width
        level = place.round()
        is_outside = (level < 0) | (level > self.levels - 1)
        if bool((((place - level).abs() > _OFF_LEVEL) | is_outside).any()):
            raise ValueError(
                f"data must lie on the {self.levels} levels 2k/{self.levels - 1} - 1"
            )
        return level


class Points(Values):
    r"""Points in a space, with a density in the data's own unit of length.

    The model sees data divided by `scale`, so
    $-\log p_\mathrm{data} = -\log p_\mathrm{model} + D \log \mathrm{scale}$.

    Args:
        scale: what one unit of the model's coordinates is in the data's.

    Raises:
        ValueError: it is not positive and finite.
    """

    def __init__(self, scale: float = 1.0) -> None:
        check_positive(scale=scale)
        self.scale = scale
        self.offset = math.log(scale)

    def reconstruction_nats(
        self, x_0: Tensor, mean: Tensor, log_variance: Tensor
    ) -> Tensor:
        log_variance = log_variance.double().expand(x_0.shape)
        distance = (x_0.double() - mean.double()).square() * torch.exp(-log_variance)
        density = -0.5 * (distance + log_variance + math.log(2.0 * math.pi))
        return (self.offset - density).flatten(1).sum(1)


def bits_per_dim(nats: Tensor, x_0: Tensor) -> Tensor:
    r"""Nats of an example as bits a dimension, $\mathrm{nats} / (D \log 2)$.

    Shapes:
        nats: (B, *), x_0: (B, *D) -> (B, *)
    """
    return nats / (x_0[0].numel() * math.log(2.0))
