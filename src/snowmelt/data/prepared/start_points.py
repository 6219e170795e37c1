"""Prepared data that is where journeys start, in place of normal noise.

It lies beside the data that it is carried to. A training takes its starts from the training
split, in random orders of their own; sampling carries the held-out ones, in their order, or
those of the training, from which another flow may then learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from snowmelt.common.array_files import gathered
from snowmelt.common.errors import UserError
from snowmelt.common.randomness import Stream
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.row_order import RowOrder
from snowmelt.data.prepared.scaling import to_model

FOLDER = "start"  # inside that of the data
Part = Literal["held_out", "training"]


@dataclass(frozen=True)
class StartPoints:
    """The starts of a training and of its samples.

    Attributes:
        data: the prepared starts.
        manifest: of the data that they are carried to, whose unit of length is the model's.
        sampled: the part that sampling carries.
    """

    data: PreparedData
    manifest: Manifest
    sampled: Part = "held_out"

    @classmethod
    def open(cls, prepared: Path, manifest: Manifest) -> StartPoints:
        """The starts beside prepared data.

        Raises:
            UserError: there are none, or they are not of the data's shape.
        """
        data = PreparedData.open(prepared / FOLDER)
        found = data.manifest
        if (found.kind, found.shape) != (manifest.kind, manifest.shape):
            raise UserError(
                f"start: {found.name} holds {found.kind} of the shape {found.shape}, and"
                f" {manifest.name} {manifest.kind} of {manifest.shape}: a journey keeps its"
                " shape, so choose a start of the same"
            )
        return cls(data, manifest)

    def check_made_from(self, source: Any) -> None:
        """Refuse starts that were prepared from another configuration.

        Raises:
            UserError: they differ; the message names the first key that does.
        """
        self.data.check_made_from(source, key="start.of")

    def check_paired(self) -> None:
        """Refuse starts whose rows are not those of the data.

        Raises:
            UserError: the two were not split alike.
        """
        ours, theirs = self.data.manifest, self.manifest
        facts = [(one.count, one.train_count, one.split) for one in (ours, theirs)]
        if facts[0] == facts[1] and ours.split["kind"] == "random":
            return
        raise UserError(
            f"coupling=paired takes row k of {theirs.name} and row k of {ours.name} for a"
            f" pair, but they hold {theirs.count} and {ours.count} examples, split"
            f" {theirs.split} and {ours.split}: give both as many examples without labels,"
            " the same held_out_fraction and the same split_seed"
        )

    @property
    def sampled_count(self) -> int:
        """How many samples can start from different points."""
        return len(self._carried)

    def at_step(
        self,
        slot: Tensor,
        *,
        batch_size: int,
        seed: int,
        step: int,
        is_paired: bool = False,
    ) -> Tensor:
        """The starts of some places of a batch.

        Args:
            is_paired: whether they follow the order of the data.

        Shapes:
            slot: (B,) -> (B, *D)
        """
        place = step * batch_size + slot.cpu().numpy()
        stream = Stream.DATA_ORDER if is_paired else Stream.START_ORDER
        rows = self._order(seed, stream).rows(place)
        return self._in_model(self.data.train, rows).to(slot.device)

    def __call__(self, index: Tensor, seed: int = 0) -> Tensor:
        """The starts of samples, from the first again after the last.

        Args:
            seed: decides nothing: prepared points are what they are.

        Shapes:
            index: (B,) -> (B, *D)
        """
        rows = (index % self.sampled_count).cpu().numpy()
        return self._in_model(self._carried, rows).to(index.device)

    @property
    def _carried(self) -> np.ndarray:
        return self.data.train if self.sampled == "training" else self.data.held_out

    def _in_model(self, stored: np.ndarray, rows: np.ndarray) -> Tensor:
        # Images have levels of their own; points are in the data's units.
        is_image = self.manifest.kind == "images"
        scaled_by = self.data.manifest if is_image else self.manifest
        return to_model(torch.from_numpy(gathered(stored, rows)), scaled_by)

    def _order(self, seed: int, stream: Stream) -> RowOrder:
        if (seed, stream) not in self._orders:
            count = len(self.data.train)
            self._orders[seed, stream] = RowOrder(count, seed=seed, stream=stream)
        return self._orders[seed, stream]

    @cached_property
    def _orders(self) -> dict[tuple[int, Stream], RowOrder]:
        return {}
