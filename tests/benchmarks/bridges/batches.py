"""What the steps of a training learn from: batches of pairs, for all seeds at once.

Batches are a function of the seed and their number, in blocks of some epochs. So the plans,
which depend on no network, are found beforehand, by as many processes as there are, and
serve every method that learns from optimal pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.training.couplings import Coupling
from tests.benchmarks.bridges.distributions import Ends, Points

EPOCHS = 5  # of a block


class Batches(Protocol):
    """The pairs of the steps of a training, by blocks.

    Attributes:
        steps: of a block.
    """

    @property
    def steps(self) -> int: ...

    def __call__(self, block: int) -> tuple[Tensor, Tensor]:
        """Data and starts, pair by pair. Shapes: -> (steps, networks * B, D) each"""


@dataclass(frozen=True)
class Draws:
    """The batches of one seed, before anything is paired.

    Attributes:
        ends: to train on.
        draws_starts: whether each batch has fresh normal starts, and not those of `ends`.
        batch: examples of a step.
    """

    ends: Ends
    seed: int
    draws_starts: bool
    batch: int

    def __call__(self, block: int) -> tuple[Points, Points]:
        """Data and starts of a block. Shapes: -> (steps, B, D) each"""
        data = self._rows(self.ends.data, block, 2)
        if not self.draws_starts:
            return data, self._rows(self.ends.start, block, 3)
        random = np.random.default_rng([self.seed, 4, block])
        return data, random.standard_normal(data.shape, dtype=np.float32)

    def partners(self, block: int, coupling: Coupling) -> NDArray[np.int16]:
        """The place of each example's start. Shapes: -> (steps, B)"""
        random = torch.Generator().manual_seed((self.seed << 20) + block)
        places = []
        for x_0, x_1 in zip(*self(block), strict=True):
            drawn = torch.rand(len(x_0), generator=random)
            pair = torch.from_numpy(x_0), torch.from_numpy(x_1)
            places.append(coupling.partners(*pair, drawn).numpy())
        return np.stack(places).astype(np.int16)

    def _rows(self, points: Points, block: int, stream: int) -> Points:
        random = np.random.default_rng([self.seed, stream, block])
        return shuffled(points, random, self.batch)


def shuffled(points: Points, random: np.random.Generator, batch: int) -> Points:
    """Whole batches of some epochs. Shapes: (N, D) -> (EPOCHS * (N // B), B, D)"""
    whole = len(points) // batch * batch
    order = [random.permutation(len(points))[:whole] for _ in range(EPOCHS)]
    return points[np.concatenate(order)].reshape(-1, batch, points.shape[1])


@dataclass(frozen=True)
class Coupled:
    """The batches of all networks, paired as drawn or by plans.

    Attributes:
        plans: the places of the starts, for each seed and block; after the last block the
            first comes again, with other times and other noise on the way.

    Shapes:
        plans: (networks, blocks, steps, B)
    """

    draws: Sequence[Draws]
    plans: NDArray[np.int16] | None = None

    @property
    def steps(self) -> int:
        return _steps(len(self.draws[0].ends.data), self.draws[0].batch)

    def __call__(self, block: int) -> tuple[Tensor, Tensor]:
        if self.plans is None:
            return stacked([draws(block) for draws in self.draws])
        block %= self.plans.shape[1]
        found = []
        for draws, plan in zip(self.draws, self.plans[:, block], strict=True):
            x_0, x_1 = draws(block)
            found.append((x_0, np.take_along_axis(x_1, plan[:, :, None], axis=1)))
        return stacked(found)


@dataclass(frozen=True)
class OwnPairs:
    """Batches of pairs that a flow made itself, for each of its networks.

    Shapes:
        x_0, x_1: (networks, N, D)
    """

    x_0: Points
    x_1: Points
    seeds: Sequence[int]
    batch: int

    @property
    def steps(self) -> int:
        return _steps(self.x_0.shape[1], self.batch)

    def __call__(self, block: int) -> tuple[Tensor, Tensor]:
        found = []
        for seed, x_0, x_1 in zip(self.seeds, self.x_0, self.x_1, strict=True):
            pairs = np.concatenate((x_0, x_1), axis=1)
            random = np.random.default_rng([seed, 5, block])
            mixed = shuffled(pairs, random, self.batch)
            found.append(tuple(np.split(mixed, 2, axis=2)))
        return stacked(found)


def _steps(points: int, batch: int) -> int:
    return EPOCHS * (points // batch)


def stacked(found: Sequence[tuple[Points, Points]]) -> tuple[Tensor, Tensor]:
    """Those of all networks, one after the other. Shapes: -> (steps, networks * B, D)"""
    x_0, x_1 = (np.concatenate(ends, axis=1) for ends in zip(*found, strict=True))
    return torch.from_numpy(x_0), torch.from_numpy(x_1)
