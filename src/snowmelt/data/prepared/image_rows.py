"""Rows of images that are picked and changed when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snowmelt.common.array_files import gathered

# Pillow's luma in 16 bits: equal to what images become that are read as grey.
_LUMA = np.array([19595, 38470, 7471], dtype=np.uint32)


@dataclass(frozen=True, eq=False)
class ImageRows:
    """Looks like an array (N, C, H, W) of uint8 where rows are asked for.

    Args:
        stored: the images as they were read, (M, c, h, w) uint8; it may be mapped from
            disk.
        rows: which of them, (N,) integers; None for all.
        event: the shape of one image as it is given, (C, H, W).
        margin: the level around an image that is smaller than that.
    """

    stored: np.ndarray
    rows: np.ndarray | None
    event: tuple[int, ...]
    margin: int = 0

    @classmethod
    def of(cls, examples: np.ndarray | ImageRows) -> ImageRows:
        """All rows of an array as they are; rows stay what they are."""
        if isinstance(examples, ImageRows):
            return examples
        return cls(examples, None, tuple(examples.shape[1:]))

    def picked(self, rows: np.ndarray) -> ImageRows:
        """Some of the rows, (n,) integers."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def shaped(self, event: tuple[int, ...], margin: int) -> ImageRows:
        """The same rows as images (C, H, W) of no fewer pixels, of one channel or as many.

        Args:
            margin: the level of the pixels that are added.
        """
        return replace(self, event=event, margin=margin)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.event)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.stored.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.stored) if self.rows is None else len(self.rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __getitem__(self, index: Any) -> np.ndarray:
        """Images by a slice or an array of their numbers: (n, C, H, W); one by its own."""
        if isinstance(index, int | np.integer):
            return self[np.array([index])][0]
        rows = index if self.rows is None else self.rows[index]
        is_many = isinstance(rows, np.ndarray)
        images = gathered(self.stored, rows) if is_many else np.asarray(self.stored[rows])
        if images.shape[1:] == self.event:
            return images  # points too, of which classes were picked
        if self.event[0] == 1 and images.shape[1] == 3:
            images = _grey(images)
        return self._with_margin(images)

    def _with_margin(self, images: np.ndarray) -> np.ndarray:
        height, width = images.shape[2:]
        high, wide = self.event[1] - height, self.event[2] - width
        if high == wide == 0:
            return images
        above, left = high // 2, wide // 2
        around = ((0, 0), (0, 0), (above, high - above), (left, wide - left))
        return np.pad(images, around, constant_values=self.margin)


def _grey(images: np.ndarray) -> np.ndarray:
    """Shapes: (n, 3, H, W) -> (n, 1, H, W), to the nearest level"""
    weighted = np.einsum("nchw,c->nhw", images.astype(np.uint32), _LUMA)
    return ((weighted + 0x8000) >> 16).astype(np.uint8)[:, None]
