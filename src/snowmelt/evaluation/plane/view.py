r"""States and densities in the units that a person looks at.

A model works in units of its own, centred and scaled; a person knows the data's. And under
a process whose variance explodes a state is soon tens of times as far out as the data that
it came from; divided by the length of the two scales it stays in the picture. Both are one
change of units, $y = c\,x_t + m$, which turns densities and scores too:

$$q_Y(y) = c^{-D}\,q_t(x), \qquad \nabla\log q_Y(y) = c^{-1}\,\nabla\log q_t(x).$$
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from snowmelt.densities.exact import Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.trajectories import visible_scale

P = TypeVar("P", bound=Perturbable)


@dataclass(frozen=True)
class View:
    """How the states of a process are looked at.

    Attributes:
        mean: of the data, in its own units: (D,) or one number for all.
        std: the length, in the data's units, of the model's unit.
        is_scaled: whether states that grew are shrunk; see `visible_scale`.
    """

    process: Process
    mean: tuple[float, ...] | float = 0.0
    std: float = 1.0
    is_scaled: bool = True

    def length(self, t: Tensor) -> float:
        """The factor $c$ at a time. Shapes: t: ()"""
        return self.std * (visible_scale(self.process, t) if self.is_scaled else 1.0)

    def places(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Where states are seen, float64. Shapes: x_t: (N, D), t: () -> (N, D)"""
        return x_t.detach().cpu().to(torch.float64) * self.length(t) + self._middle()

    def states(self, y: Tensor, t: Tensor) -> Tensor:
        """The inverse of `places`. Shapes: y: (N, D), t: () -> (N, D) float64"""
        return (y.to(torch.float64) - self._middle()) / self.length(t)

    def density(self, density: P, t: Tensor) -> P:
        """The density of what is seen at a time, of data with the density given.

        Args:
            density: of the data, in the model's units.
            t: ().
        """
        length = self.length(t)
        noisy = density.at(self.process, t)
        return noisy.standardised(-self._middle() / length, 1.0 / length)

    def score(self, denoiser: Denoiser, t: Tensor) -> Callable[[Tensor], Tensor]:
        """The score of what is seen at a time, as a denoiser believes it to be.

        Shapes:
            the answer takes y: (N, D) -> (N, D) float64
        """
        # The network's own precision; the time keeps its digits.
        like = next(denoiser.parameters(), torch.zeros((), dtype=torch.float64))

        @torch.no_grad()
        def score(y: Tensor) -> Tensor:
            x_t = self.states(y, t).to(like.device, like.dtype)
            found = denoiser.score(x_t, t.to(like.device, torch.float64))
            return found.cpu().to(torch.float64) / self.length(t)

        return score

    def along(self, *axes: int) -> View:
        """The view of some coordinates alone."""
        if isinstance(self.mean, float | int):
            return self
        return replace(self, mean=tuple(self.mean[axis] for axis in axes))

    def _middle(self) -> Tensor:
        return torch.as_tensor(self.mean, dtype=torch.float64)
