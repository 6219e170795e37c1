"""Prepared data that is where journeys start, in place of normal noise.

It lies beside the data that it is carried to. A training takes its starts from the training
split, in random orders of their own; sampling carries the held-out ones, in their order, or
those of the training, from which another flow may then learn. Starts that are rows of the
data, degraded, may get noise where the degradation has taken something away; see
`snowmelt.starts.Degraded`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from snowmelt.common.array_files import gathered
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.common.randomness import Stream, normal
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.degraded_rows import ROWS_OF
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.row_order import RowOrder
from snowmelt.data.prepared.row_split import RowSplit, why_unpaired
from snowmelt.data.prepared.scaling import to_model
from snowmelt.diffusion.operators import ImageOperator

FOLDER = "start"  # inside that of the data
Part = Literal["held_out", "training"]


def made_from(section: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """What of the section `start` decides its prepared form, and the key of that.

    Noise does not: it is added when a start is taken.
    """
    if section.get("of") is not None:
        return "start.of", section["of"]
    return "start", {key: section[key] for key in section if key != "noise_std"}


@dataclass(frozen=True)
class StartPoints:
    """The starts of a training and of its samples.

    Attributes:
        data: the prepared starts.
        manifest: of the data that they are carried to, whose unit of length is the model's.
        noise_std: the scale of the noise on each start, in the model's range.
        degradation: what the starts are made by of the data's own rows; None for others.
        sampled: the part that sampling carries.
    """

    data: PreparedData
    manifest: Manifest
    noise_std: float = 0.0
    degradation: ImageOperator | None = None
    sampled: Part = "held_out"

    @classmethod
    def open(
        cls, prepared: Path, manifest: Manifest, section: Mapping[str, Any] | None = None
    ) -> StartPoints:
        """The starts beside prepared data.

        Args:
            section: `start` of the configuration, for degraded ones and their noise.

        Raises:
            UserError: there are none, they are not of the data's shape, or they were made
                of other data.
        """
        data = PreparedData.open(prepared / FOLDER)
        found = data.manifest
        if (found.kind, found.shape) != (manifest.kind, manifest.shape):
            raise UserError(
                f"start: {found.name} holds {found.kind} of the shape {found.shape}, and"
                f" {manifest.name} {manifest.kind} of {manifest.shape}: a journey keeps its"
                " shape, so choose a start of the same"
            )
        if found.split.get(ROWS_OF, manifest.digest) != manifest.digest:
            raise UserError(
                f"{data.folder} holds degraded rows of other data than {manifest.name}:"
                " run `snowmelt prepare` again"
            )
        section = section or {}
        by = section.get("by")
        degradation = None if by is None else build(by, ImageOperator)
        return cls(data, manifest, float(section.get("noise_std", 0.0)), degradation)

    def check_made_from(self, source: Any, key: str = "start.of") -> None:
        """Refuse starts that were prepared from another configuration.

        Args:
            source, key: see `made_from`.

        Raises:
            UserError: they differ; the message names the first key that does.
        """
        self.data.check_made_from(source, key=key)

    @property
    def are_the_datas_own(self) -> bool:
        """Whether row k of them is made of row k of the data."""
        return self.data.manifest.split.get(ROWS_OF) == self.manifest.digest

    def check_paired(self) -> None:
        """Refuse starts whose rows are not those of the data.

        Raises:
            UserError: the two were not split alike.
        """
        if self.are_the_datas_own:
            return
        ours, theirs = (RowSplit.of(one) for one in (self.data.manifest, self.manifest))
        if (reason := why_unpaired(theirs, ours)) is not None:
            raise UserError(reason)

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
        found = self._in_model(self.data.train, rows).to(slot.device)
        # Nothing else of such a training draws from this stream.
        return self._noisy(found, slot, Stream.TRAINING_NOISE, seed, step)

    def __call__(self, index: Tensor, seed: int = 0) -> Tensor:
        """The starts of samples, from the first again after the last.

        Args:
            seed: of their noise; prepared points are what they are.

        Shapes:
            index: (B,) -> (B, *D)
        """
        return self._noisy(self.given(index), index, Stream.SAMPLING_START, seed)

    def given(self, index: Tensor) -> Tensor:
        """The same without their noise. Shapes: index: (B,) -> (B, *D)"""
        rows = (index % self.sampled_count).cpu().numpy()
        return self._in_model(self._carried, rows).to(index.device)

    @property
    def _carried(self) -> np.ndarray:
        return self.data.train if self.sampled == "training" else self.data.held_out

    def _noisy(
        self, starts: Tensor, index: Tensor, stream: Stream, seed: int, step: int = 0
    ) -> Tensor:
        """Starts with noise on what their degradation does not see."""
        if self.noise_std == 0.0 or self.degradation is None:
            return starts
        shape = tuple(starts.shape[1:])
        noise = normal(shape, seed=seed, stream=stream, index=index, step=step)
        operator = self.degradation.at(index, shape, seed=seed)
        return starts + self.noise_std * operator.unseen(noise.to(starts.dtype))

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
