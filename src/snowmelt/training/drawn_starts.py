"""The starts of pairs that another flow drew: rows that it began at, or noise drawn again.

Like prepared starts they are functions of a place, in the order of the data that they are
paired with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.data.prepared.row_order import RowOrder
from snowmelt.data.prepared.start_points import StartPoints


class DrawnStarts(ABC):
    """Starts that belong to examples, row by row."""

    @abstractmethod
    def at_step(self, slot: Tensor, *, batch_size: int, seed: int, step: int) -> Tensor:
        """Those of some places of a batch. Shapes: slot: (B,) -> (B, *D)"""

    @abstractmethod
    def held_out(self, index: Tensor) -> Tensor:
        """Those of the pairs that are held back. Shapes: index: (B,) -> (B, *D)"""


@dataclass(frozen=True)
class RowStarts(DrawnStarts):
    """Starts that are kept.

    Attributes:
        pairs: a row of a split for each row of the same split of the examples.
    """

    pairs: StartPoints

    def at_step(self, slot: Tensor, *, batch_size: int, seed: int, step: int) -> Tensor:
        return self.pairs.at_step(
            slot, batch_size=batch_size, seed=seed, step=step, is_paired=True
        )

    def held_out(self, index: Tensor) -> Tensor:
        return self.pairs(index)


@dataclass(frozen=True)
class NoiseStarts(DrawnStarts):
    """The noise that samples began in, which follows from their seed and numbers.

    Attributes:
        shape: of one example.
        seed: of the samples.
        count: how many are trained on; those after them are held back.
    """

    shape: tuple[int, ...]
    seed: int
    count: int

    def at_step(self, slot: Tensor, *, batch_size: int, seed: int, step: int) -> Tensor:
        if seed not in self._orders:
            stream = Stream.DATA_ORDER
            self._orders[seed] = RowOrder(self.count, seed=seed, stream=stream)
        rows = self._orders[seed].rows(step * batch_size + slot.cpu().numpy())
        return self._noise(torch.from_numpy(rows).to(slot.device))

    def held_out(self, index: Tensor) -> Tensor:
        return self._noise(self.count + index)

    def _noise(self, index: Tensor) -> Tensor:
        drawn = Stream.SAMPLING_START
        return normal(self.shape, seed=self.seed, stream=drawn, index=index)

    @cached_property
    def _orders(self) -> dict[int, RowOrder]:
        return {}
