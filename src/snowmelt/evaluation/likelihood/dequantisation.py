r"""From discrete levels to a state that has a density.

The flow gives a density, and a pixel has a probability. Between the two stands a
variational bound: for any distribution $r(x \mid x_0)$ of a state and any $P(x_0 \mid x)$,

$$-\log P(x_0) \le \mathrm{E}_r\big[-\log p(x) + \log r(x \mid x_0)
  - \log P(x_0 \mid x)\big].$$

`Uniform` spreads a level over its bin, from which the level can be told: $r = 1/w$ and
$P = 1$. That asks the network about data between the levels. One that was trained on the
levels alone knows that there is none, and its density between them is next to nothing: for
a perfect network on 17 levels the bound is too large by many bits.

`Noise` takes a state of the process itself, $r = q(x_t \mid x_0)$ at a time at which the
noise is narrower than a bin, and for $P$ the chain's last step: the bound of
`variational_bound` with the flow in place of its steps. The network is asked about what it
was trained on, and not about noise so small that only the level is left to tell. With noise
of half a bin a network without error loses 0.03 bits a dimension.

References:
    Theis, van den Oord & Bethge (2016), arXiv:1511.01844, section 3.1 (uniform);
    Ho et al. (2019), arXiv:1902.00275, section 3.1 (variational);
    Zheng et al. (2023), arXiv:2305.03935, section 4 (the noise of the process).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_positive
from snowmelt.common.bounds import Positive
from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.likelihood.value_kinds import Levels

_PLACE = 0  # of the random numbers here; those of the probes count from 1


class State(NamedTuple):
    """Where the flow begins.

    x: (B, *D).
    time: that x belongs to.
    nats: (B,), what has to be added to $-\\log p(x)$.
    """

    x: Tensor
    time: float
    nats: Tensor


class Dequantisation(ABC):
    """A choice of r and P."""

    said: ClassVar[str]

    def time(self, process: Process, levels: Levels, first_time: float) -> float:
        """The time of the state, from `first_time` on."""
        return first_time

    @abstractmethod
    def state(
        self,
        denoiser: Denoiser,
        x_0: Tensor,
        index: Tensor,
        levels: Levels,
        *,
        first_time: float,
        seed: int,
    ) -> State:
        """A draw of the state, keyed by (seed, index).

        Args:
            first_time: the earliest that may be asked for.

        Shapes:
            x_0: (B, *D), index: (B,)

        Raises:
            ValueError: the data does not lie on the levels.
        """


class Uniform(Dequantisation):
    """The level and a uniform number of its bin, taken for a state of the first time."""

    said = "uniform over a level"

    def state(
        self,
        denoiser: Denoiser,
        x_0: Tensor,
        index: Tensor,
        levels: Levels,
        *,
        first_time: float,
        seed: int,
    ) -> State:
        shape = tuple(x_0.shape[1:])
        shift = uniform(
            shape, seed=seed, stream=Stream.LIKELIHOOD, index=index, step=_PLACE
        )
        nats = x_0.new_full((len(x_0),), levels.offset * math.prod(shape)).double()
        return State(levels.spread(x_0, shift), first_time, nats)


class Noise(Dequantisation):
    """The process's own noise, at a time at which it is narrower than a bin.

    Args:
        width: the standard deviation of the noise in the data's scale, in bins; where the
            process begins with more, it is the time that it begins at.

    Raises:
        ValueError: it is not positive and finite.
    """

    said = "the noise of the first time, and the chain's last step"

    def __init__(self, width: Positive = 0.5) -> None:
        check_positive(width=width)
        self.width = width

    def time(self, process: Process, levels: Levels, first_time: float) -> float:
        """The time at which the flow begins."""
        return levels.time_of(self.width * levels.width, process, first_time)

    @torch.no_grad()
    def state(
        self,
        denoiser: Denoiser,
        x_0: Tensor,
        index: Tensor,
        levels: Levels,
        *,
        first_time: float,
        seed: int,
    ) -> State:
        process, shape = denoiser.process, tuple(x_0.shape[1:])
        time = self.time(process, levels, first_time)
        t = x_0.new_full((len(x_0),), time, dtype=torch.float64)
        eps = normal(shape, seed=seed, stream=Stream.LIKELIHOOD, index=index, step=_PLACE)
        eps = eps.to(x_0.dtype)
        x = process.perturb(x_0, t, eps)
        moments = denoiser.x_0(x, t), -process.log_snr(t[0])
        level = levels.reconstruction_nats(x_0, *moments)
        size = math.prod(shape)
        spread = size * (0.5 * math.log(2.0 * math.pi) + torch.log(process.sigma(t)))
        log_r = -0.5 * eps.double().square().flatten(1).sum(1) - spread
        return State(x, time, level + log_r)
