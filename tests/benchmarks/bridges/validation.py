"""The weights of least loss on points that no step learns from, of each seed.

The papers' runner validates every ten epochs and tests the weights of the least loss. As
there, times, noise and normal starts are drawn anew each time; a function of the step, so
that a training that goes on after a kill sees the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snowmelt.training.couplings import Coupling
from tests.benchmarks.bridges.batches import Draws, stacked
from tests.benchmarks.bridges.distributions import Ends, Points
from tests.benchmarks.bridges.perceptrons import Perceptrons

EPOCHS_BETWEEN = 10
_STREAM = 1 << 40  # of the draws, apart from those of the training's steps

Losses = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Validation:
    """Pairs that no step learns from.

    Attributes:
        draws_starts: whether the starts are drawn anew each time, and not those of `x_1`.
        every: so many steps from one to the next.

    Shapes:
        x_0, x_1: (batches, networks * B, D)
    """

    x_0: Tensor
    x_1: Tensor
    draws_starts: bool
    every: int

    @torch.no_grad()
    def losses(self, losses: Losses, step: int, networks: int) -> Tensor:
        """The mean of each network.

        Args:
            losses: of (data, starts, noise, times), one for each pair.

        Shapes:
            -> (networks,)
        """
        random = torch.Generator().manual_seed(_STREAM + step)
        found = []
        for x_0, x_1 in zip(self.x_0, self.x_1, strict=True):
            start = torch.randn(x_1.shape, generator=random) if self.draws_starts else x_1
            t = torch.rand(len(x_0), generator=random)
            z = torch.randn(x_0.shape, generator=random)
            found.append(losses(x_0, start, z, t).view(networks, -1).mean(1))
        return torch.stack(found).mean(0)

    def is_due(self, before: int, now: int) -> bool:
        """Whether a round has come to the next one, by its steps so far."""
        return before // self.every < now // self.every


def validation(
    draws: Sequence[Draws], ends: Sequence[Ends], coupling: Coupling
) -> Validation:
    """The points to validate on, paired as those of the training are.

    Args:
        draws: of the training, which tell the batch and whether starts are drawn. Those
            that a plan is found for are not.
        ends: to validate on, of each seed.
    """
    found = []
    for one, points in zip(draws, ends, strict=True):
        x_0, x_1 = (_batches(part, one.batch) for part in (points.data, points.start))
        if not coupling.is_independent:
            random = torch.Generator().manual_seed(_STREAM + one.seed)
            for k, (data, start) in enumerate(zip(x_0, x_1.copy(), strict=True)):
                drawn = torch.rand(len(data), generator=random)
                pair = torch.from_numpy(data), torch.from_numpy(start)
                x_1[k] = start[coupling.partners(*pair, drawn).numpy()]
        found.append((x_0, x_1))
    fresh = draws[0].draws_starts and coupling.is_independent
    return Validation(*stacked(found), fresh, every(draws))


def own_validation(draws: Sequence[Draws], x_0: Points, x_1: Points) -> Validation:
    """Pairs that a flow made of such points itself. Shapes: x_0, x_1: (networks, N, D)"""
    batch = min(draws[0].batch, x_0.shape[1])
    found = [tuple(_batches(x, batch) for x in both) for both in zip(x_0, x_1, strict=True)]
    return Validation(*stacked(found), False, every(draws))


def every(draws: Sequence[Draws]) -> int:
    """Steps from one validation to the next."""
    return EPOCHS_BETWEEN * (len(draws[0].ends.data) // draws[0].batch)


def _batches(points: Points, batch: int) -> Points:
    """Shapes: (N, D) -> (N // B, B, D)"""
    whole = len(points) // batch * batch
    return points[:whole].reshape(-1, batch, points.shape[1]).copy()


class BestWeights:
    """A copy of networks that each keep the weights of their least loss.

    Args:
        net: those to copy from.
    """

    def __init__(self, net: Perceptrons) -> None:
        self.net = copy.deepcopy(net).requires_grad_(False).eval()
        self.begin()

    def begin(self) -> None:
        """Forget the losses so far: those of other pairs are not to be compared."""
        self.lowest = torch.full((self.net.count,), torch.inf)

    @torch.no_grad()
    def offer(self, net: Perceptrons, losses: Tensor) -> None:
        """Take the weights of the networks whose loss is lower than all before it.

        Shapes:
            losses: (networks,)
        """
        lower = losses < self.lowest
        self.lowest = torch.where(lower, losses, self.lowest)
        places = lower.repeat(self.net.answers)  # answer by answer, within each by seed
        for mine, theirs in zip(self.net.parameters(), net.parameters(), strict=True):
            mine[places] = theirs[places]

    def state(self) -> dict[str, Any]:
        """What a training goes on from."""
        return {"net": self.net.state_dict(), "lowest": self.lowest}

    def load(self, state: dict[str, Any]) -> None:
        """Take the state of a training."""
        self.net.load_state_dict(state["net"])
        self.lowest = state["lowest"]
