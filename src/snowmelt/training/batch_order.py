"""The order of the training data, as a function of the step.

Random orders of the training split are concatenated without end; step k takes the k-th run
of `batch_size` examples. Each order is keyed by (seed, epoch), so a resumed run continues
where it was without having saved anything, and the processes of a group divide one common
batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from snowmelt.common.array_files import gathered
from snowmelt.common.errors import UserError
from snowmelt.common.randomness import Stream, uniform
from snowmelt.data.prepared.row_order import RowOrder


class Batch(NamedTuple):
    """Stored examples, their places in the batch of all processes together, and classes.

    Attributes:
        partner: the place of each example's start, where a coupling has paired them.
    """

    stored: Tensor
    slot: Tensor
    labels: Tensor | None = None
    partner: Tensor | None = None

    def parts(self, count: int) -> list[Batch]:
        """The batch in equal parts, in its order."""
        size = len(self.slot) // count
        split = ([None] * count if one is None else one.split(size) for one in self)
        return [Batch(*part) for part in zip(*split, strict=True)]


class BatchStream:
    """The batches of one process from `start` to `steps`.

    Args:
        examples: the training split, (n, *D).
        batch_size: examples a step over all processes.
        steps: the step at which the training ends; None where something else ends it.
        seed: of the order.
        start: the first step to give.
        rank: this process among `world_size`.
        labels: the class of each example, int64 (n,), if the network is conditional.
        flip: mirror images at random, each keyed by (seed, step, example).
        parts: in how many each process takes its share, one after another.

    Raises:
        UserError: the batch cannot be divided evenly, or the examples to mirror are points.
    """

    def __init__(
        self,
        examples: np.ndarray,
        *,
        batch_size: int,
        steps: int | None,
        seed: int,
        start: int = 0,
        rank: int = 0,
        world_size: int = 1,
        labels: np.ndarray | None = None,
        flip: bool = False,
        parts: int = 1,
    ) -> None:
        if flip and examples.ndim != 4:
            raise UserError("training.flip=true mirrors images, and the data holds points")
        if batch_size < 1 or batch_size % (world_size * parts):
            each = f" in {parts} parts each (trainer.accumulate)" if parts > 1 else ""
            raise UserError(
                f"training.batch_size={batch_size} cannot be shared by {world_size}"
                f" processes{each}: choose a positive multiple of {world_size * parts}"
            )
        self.examples = examples
        self.labels = labels
        self.flip = flip
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.start = start
        size = batch_size // world_size
        self.slots = np.arange(rank * size, (rank + 1) * size)
        self._order = RowOrder(len(examples), seed=seed, stream=Stream.DATA_ORDER)

    def __iter__(self) -> Iterator[Batch]:
        for step in self._steps():
            rows = self.rows(step)
            stored = torch.from_numpy(gathered(self.examples, rows))
            labels = None
            if self.labels is not None:
                labels = torch.from_numpy(gathered(self.labels, rows))
            if self.flip:
                stored = torch.where(self._is_mirrored(rows, step), stored.flip(-1), stored)
            yield Batch(stored, torch.from_numpy(self.slots), labels)

    def _is_mirrored(self, rows: np.ndarray, step: int) -> Tensor:
        """Shapes: (B,) -> (B, 1, 1, 1)"""
        index = torch.from_numpy(rows)
        drawn = uniform((1,), seed=self.seed, stream=Stream.FLIP, index=index, step=step)
        return drawn[:, :, None, None] < 0.5

    def _steps(self) -> Iterable[int]:
        if self.steps is None:
            return itertools.count(self.start)
        return range(self.start, self.steps)

    def rows(self, step: int) -> np.ndarray:
        """The rows that this process sees in a step."""
        return self._order.rows(step * self.batch_size + self.slots)
