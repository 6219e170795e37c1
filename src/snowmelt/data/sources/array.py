"""One array in a file: images, or points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snowmelt.common import argument_checks
from snowmelt.common.array_files import release
from snowmelt.common.bounds import Level
from snowmelt.common.errors import UserError
from snowmelt.common.places import Place
from snowmelt.data.image_levels import Range, checked_range, sparse_note
from snowmelt.data.prepared.row_split import RowSplit
from snowmelt.data.sources import class_names
from snowmelt.data.sources.array_forms import heading, load
from snowmelt.data.sources.image_source import ImageSource
from snowmelt.data.sources.source import RawData

_PART = 2**18  # pixels, or labels, that are looked at together
_RANGE = 2**16
_SHAPES = (
    "points are floats (N,D); images are uint8 (N,H,W), (N,C,H,W) or (N,H,W,C), C = 1 or 3"
)


@dataclass(frozen=True, kw_only=True)
class Array(ImageSource):
    """An array of numpy's or an idx file.

    Floats (N, D) are points, uint8 with more axes are images.

    Args:
        path: the file: .npy, .npz, or idx of bytes, packed by gzip or not.
        labels: such a file of N integers or strings, or None.
        array, labels_array: which array of an .npz file; None where it holds one.
        value_range: the smallest and largest level of the images, both inclusive; None
            is 0 to 255.
    """

    path: Place
    labels: Place | None = None
    value_range: Sequence[Level] | None = None
    array: str | None = None
    labels_array: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.text("data.path", self.path)
        if self.labels is not None:
            argument_checks.text("data.labels", self.labels)
        elif self.labels_array is not None:
            raise UserError(
                f"data.labels_array={self.labels_array} chooses an array of data.labels:"
                " give that, too"
            )
        if self.value_range is not None:
            checked_range(self.value_range, 255)

    def stored_shape(self) -> tuple[int, ...] | None:
        """By the file's header; None where there is no such array, as `read` then says."""
        try:
            array = heading("data.path", self.located(self.path), self.array)
            is_points = array.ndim == 2 and array.dtype.kind == "f"
            return array.shape[1:] if is_points else _images(array).shape[1:]
        except (UserError, OSError):
            return None

    def row_split(self) -> RowSplit:
        if self.labels is not None:
            return super().row_split()
        array = heading("data.path", self.located(self.path), self.array)
        return super().row_split().counted(len(array))

    def read_images(self) -> RawData:
        """Read and check the array.

        Raises:
            UserError: no such file, not one array of numbers, a shape or type that is
                neither points nor images, values that are not finite or out of range,
                or labels that do not fit.
        """
        array = load("data.path", self.located(self.path), self.array, self.scratch)
        if len(array) == 0:
            raise UserError(f"data.path: the array is empty: {array.shape}")
        labels, classes, notes = self._classes(len(array))
        if array.ndim == 2 and array.dtype.kind == "f":
            if self.value_range is not None:
                raise UserError(
                    "data.value_range is for images, and data.path holds points"
                )
            return RawData(_points(array), labels, classes, notes=notes)
        images = _images(array)
        value_range, seen = self._range_of(images)
        if (sparse := sparse_note(seen, value_range)) is not None:
            notes = (*notes, sparse)
        return RawData(images, labels, classes, value_range, notes=notes)

    def _range_of(self, images: np.ndarray) -> tuple[Range, Range]:
        """The range that levels can have, and the one that they do have."""
        given = 0, 255
        if self.value_range is not None:
            given = checked_range(self.value_range, 255)
        counts = np.zeros(256, np.int64)
        rows = max(1, _PART // math.prod(images.shape[1:]))
        for start in range(0, len(images), rows):
            part = np.ascontiguousarray(images[start : start + rows])
            counts += np.bincount(part.ravel(), minlength=256)
            release(images)
        levels = np.flatnonzero(counts)
        seen = int(levels[0]), int(levels[-1])
        if outside := int(counts.sum() - counts[given[0] : given[1] + 1].sum()):
            raise UserError(
                f"data.value_range is {given[0]}..{given[1]}, but {outside} values lie"
                f" outside; the array holds {seen[0]}..{seen[1]}"
            )
        return given, seen

    def _classes(
        self, count: int
    ) -> tuple[np.ndarray | None, tuple[str, ...] | None, tuple[str, ...]]:
        """Labels, classes and notes from the file of labels."""
        if self.labels is None:
            return None, None, ()
        given = load(
            "data.labels", self.located(self.labels), self.labels_array, self.scratch
        )
        if given.shape != (count,) or given.dtype.kind not in "iubU":
            raise UserError(
                f"data.labels: needs {count} integers or strings, one for each example,"
                f" got {given.dtype} {given.shape}"
            )
        names, numbers = _numbered(given)
        if len(names) < 2:
            return None, None, (f"all labels are {names[0]}: no classes",)
        classes = tuple(str(name) for name in names)
        class_names.check("data.labels", classes)
        return numbers, classes, ()


def _numbered(given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct labels in their order, and the place of each label among them, int64.

    Integers first, so that class 10 follows 9 and not 1; whole numbers of a small range are
    counted, which takes less room than to sort them.
    """
    low, high = (given.min(), given.max()) if given.dtype.kind in "iu" else (0, _RANGE)
    if int(high) - int(low) >= _RANGE:
        names, numbers = np.unique(given, return_inverse=True)
        return names, numbers.astype(np.int64)
    numbers = given.astype(np.int64)
    numbers -= int(low)
    is_there = np.bincount(numbers) > 0
    places = np.cumsum(is_there) - 1
    for start in range(0, len(numbers), _PART):
        part = numbers[start : start + _PART]
        part[:] = places[part]
    return np.flatnonzero(is_there) + int(low), numbers


def _points(array: np.ndarray) -> np.ndarray:
    if array.shape[1] == 0:
        raise UserError(f"data.path: points without coordinates: {array.shape}")
    with np.errstate(over="ignore"):
        points = array.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        raise UserError(
            f"data.path: {len(bad)} of {len(points)} points are NaN, infinite or too"
            f" large for float32, the first is row {bad[0]}: remove them"
        )
    return points


def _images(array: np.ndarray) -> np.ndarray:
    if array.ndim not in (3, 4) or array.dtype != np.uint8:
        raise UserError(f"data.path: an array {array.dtype} {array.shape}: {_SHAPES}")
    if 0 in array.shape:
        raise UserError(f"data.path: images without pixels: {array.shape}")
    if array.ndim == 3:
        return array[:, None]
    first, last = array.shape[1] in (1, 3), array.shape[3] in (1, 3)
    if first == last:
        both, none = "both ends could be the channels", "no end has 1 or 3 channels"
        why = both if first else none
        raise UserError(
            f"data.path: in the shape {array.shape} {why}: {_SHAPES}; pad or reshape it"
        )
    return array if first else array.transpose(0, 3, 1, 2)
