"""What every source of images can do with what it read: classes, grey, a margin.

All of it is done row by row, when the rows are written, so that a data set that does not
fit into the memory needs no copy there.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snowmelt.common.bounds import Side
from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.data.prepared.image_rows import ImageRows
from snowmelt.data.sources.archive import Archive
from snowmelt.data.sources.decoded import FEW
from snowmelt.data.sources.decoding import Plan
from snowmelt.data.sources.decoding_group import Outcome, decode_all
from snowmelt.data.sources.decoding_journal import Journal
from snowmelt.data.sources.image_list import ImageList
from snowmelt.data.sources.rows_file import RowsFile
from snowmelt.data.sources.source import RawData, Source


@dataclass(frozen=True, kw_only=True)
class ImageSource(Source):
    """A source of images.

    Args:
        classes: the names of those to keep; None for all. One alone is no class.
        gray: turn colours into grey by Pillow's luma, 0.299 R + 0.587 G + 0.114 B.
        pad_to: the side, in pixels, of the square that the image becomes the middle of;
            the margin has the lowest level. 32 makes 28x28 fit a network that halves its
            resolution, without a resize that would make up levels. None: no margin.
    """

    classes: Sequence[str] | None = None
    gray: bool = False
    pad_to: Side | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.classes, str):
            raise UserError(f"data.classes must be a list, got {self.classes!r}")
        if self.classes is not None and not self.classes:
            raise UserError("data.classes is an empty list: name a class, or give null")

    def read(self) -> RawData:
        self.event_shape()  # a margin that does not fit is told before hours of reading
        raw = self.read_images()
        if self.classes is not None:
            raw = _of_classes(raw, tuple(map(str, self.classes)))  # 3 is the digit's name
        is_image = raw.value_range is not None
        if not is_image and (self.gray or self.pad_to is not None):
            key = "gray" if self.gray else "pad_to"
            raise UserError(f"data.{key} is for images, and data.path holds points")
        if not is_image:
            return raw
        shape = self._shown(raw.examples.shape[1:])
        if shape == raw.examples.shape[1:]:
            return raw
        assert raw.value_range is not None
        rows = ImageRows.of(raw.examples).shaped(shape, margin=raw.value_range[0])
        return dataclasses.replace(raw, examples=rows)

    @abstractmethod
    def read_images(self) -> RawData:
        """Read all of it, before anything is chosen or changed.

        Raises:
            UserError: it is missing, unreadable or not what the configuration says.
        """

    def event_shape(self) -> tuple[int, ...] | None:
        shape = self.stored_shape()
        is_image = shape is not None and len(shape) == 3
        return self._shown(shape) if shape is not None and is_image else shape

    def stored_shape(self) -> tuple[int, ...] | None:
        """The shape of one example before it is changed, where it is known."""
        return None

    def decoded(
        self, images: ImageList, plan: Plan, archive: Archive | None
    ) -> tuple[RowsFile, Outcome]:
        """Decode images, or go on from those that were decoded before.

        Args:
            plan: without a file of rows.
            archive: that they lie in; None for a folder.

        Raises:
            UserError: a process was ended, as the system does for lack of memory.
            OSError: the disk is full.
        """
        decisive = plan.decisive() | {"archive": archive and archive.stamp}
        rows, journal = self.rows_for(len(images), decisive)
        plan = dataclasses.replace(plan, rows=rows.descriptor)
        return rows, decode_all(images, plan, journal=journal)

    def rows_for(
        self, count: int, decisive: Mapping[str, Any]
    ) -> tuple[RowsFile, Journal | None]:
        """Room for the images of `stored_shape`; of many, with those decoded before.

        Args:
            decisive: what decides a row, beside the images.

        Raises:
            OSError: there is not enough room.
        """
        shape = self.stored_shape()
        assert shape is not None
        if self.kept is None or count <= FEW:
            return RowsFile(count, shape, self.scratch), None
        return self.kept.opened(decisive, count, shape, self.scratch)

    def _shown(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape (C, H, W) with what is asked for."""
        channels, *sides = shape
        if self.pad_to is not None:
            if self.pad_to < max(sides):
                raise UserError(
                    f"data.pad_to={self.pad_to} is less than the images,"
                    f" {sides[0]}x{sides[1]}: give a larger side, or null"
                )
            sides = [self.pad_to, self.pad_to]
        return (1 if self.gray else channels, *sides)


def _of_classes(raw: RawData, names: tuple[str, ...]) -> RawData:
    """The examples of the named classes alone, which are numbered in their old order."""
    if raw.labels is None or raw.classes is None:
        raise UserError(
            f"data.classes={list(names)}: this data has no classes to choose from: leave"
            " it out"
        )
    if unknown := [name for name in names if name not in raw.classes]:
        raise UserError(
            f"data.classes: there is no class {unknown[0]!r}"
            f"{did_you_mean(unknown[0], raw.classes)}: the data has"
            f" {', '.join(raw.classes)}"
        )
    kept = tuple(name for name in raw.classes if name in names)
    number = np.array([kept.index(n) if n in kept else -1 for n in raw.classes])
    labels = number[raw.labels]
    rows = np.flatnonzero(labels >= 0)
    is_sorted = len(kept) > 1
    alone = () if is_sorted else (f"all images are of the class {kept[0]}: no classes",)
    return dataclasses.replace(
        raw,
        examples=ImageRows.of(raw.examples).picked(rows),
        labels=labels[rows].astype(np.int64) if is_sorted else None,
        classes=kept if is_sorted else None,
        held_out=None if raw.held_out is None else raw.held_out[rows],
        notes=(*raw.notes, *alone),
    )
