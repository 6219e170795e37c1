"""One array in a .npy file: images, or points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snowmelt.common import argument_checks
from snowmelt.common.array_files import why_unreadable
from snowmelt.common.bounds import Level
from snowmelt.common.errors import UserError
from snowmelt.common.places import Place
from snowmelt.common.regular_files import kind_of
from snowmelt.data.image_levels import checked_range, sparse_note
from snowmelt.data.sources import class_names
from snowmelt.data.sources.image_source import ImageSource
from snowmelt.data.sources.source import RawData

_SHAPES = (
    "points are floats (N,D); images are uint8 (N,H,W), (N,C,H,W) or (N,H,W,C), C = 1 or 3"
)


@dataclass(frozen=True, kw_only=True)
class Array(ImageSource):
    """What numpy.save wrote: floats (N, D) are points, uint8 with more axes are images.

    Args:
        path: the file.
        labels: a .npy file of N integers or strings, or None.
        value_range: the smallest and largest level of the images, both inclusive; None
            is 0 to 255.
    """

    path: Place
    labels: Place | None = None
    value_range: Sequence[Level] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.text("data.path", self.path)
        if self.labels is not None:
            argument_checks.text("data.labels", self.labels)
        if self.value_range is not None:
            checked_range(self.value_range, 255)

    def stored_shape(self) -> tuple[int, ...] | None:
        """By the file's header; None where there is no such array, as `read` then says."""
        try:
            array = load("data.path", self.located(self.path))
            is_points = array.ndim == 2 and array.dtype.kind == "f"
            return array.shape[1:] if is_points else _images(array).shape[1:]
        except UserError:
            return None

    def read_images(self) -> RawData:
        """Read and check the array.

        Raises:
            UserError: no such file, not one array of numbers, a shape or type that is
                neither points nor images, values that are not finite or out of range,
                or labels that do not fit.
        """
        array = load("data.path", self.located(self.path))
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
        value_range = self._range_of(images)
        seen = int(images.min()), int(images.max())
        if (sparse := sparse_note(seen, value_range)) is not None:
            notes = (*notes, sparse)
        return RawData(images, labels, classes, value_range, notes=notes)

    def _range_of(self, images: np.ndarray) -> tuple[int, int]:
        if self.value_range is None:
            return 0, 255
        low, high = checked_range(self.value_range, 255)
        outside = int(((images < low) | (images > high)).sum())
        if outside:
            raise UserError(
                f"data.value_range is {low}..{high}, but {outside} values lie outside;"
                f" the array holds {images.min()}..{images.max()}"
            )
        return low, high

    def _classes(
        self, count: int
    ) -> tuple[np.ndarray | None, tuple[str, ...] | None, tuple[str, ...]]:
        """Labels, classes and notes from the file of labels."""
        if self.labels is None:
            return None, None, ()
        given = load("data.labels", self.located(self.labels))
        if given.shape != (count,) or given.dtype.kind not in "iubU":
            raise UserError(
                f"data.labels: needs {count} integers or strings, one for each example,"
                f" got {given.dtype} {given.shape}"
            )
        # As integers first, so that class 10 follows 9 and not 1.
        names, numbers = np.unique(given, return_inverse=True)
        if len(names) < 2:
            return None, None, (f"all labels are {names[0]}: no classes",)
        classes = tuple(str(name) for name in names)
        class_names.check("data.labels", classes)
        return numbers.astype(np.int64), classes, ()


def load(key: str, path: Path) -> np.ndarray:
    """Map one array of plain values into memory; nothing in the file is executed.

    Raises:
        UserError: no such file, or not such an array.
    """
    if not path.exists():
        raise UserError(f"{key}: {path} does not exist: give a .npy file")
    if (kind := kind_of(path)) is not None:
        raise UserError(f"{key}: {path} is {kind}: give a .npy file")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy evaluates the header, and raises nearly anything
        raise UserError(
            f"{key}: {path} is not an array of plain numbers written by numpy.save:"
            f" {why_unreadable(error)}"
        ) from error
    if not isinstance(array, np.ndarray):
        raise UserError(
            f"{key}: {path} is an archive of arrays: save the one that you mean by"
            " numpy.save"
        )
    if array.ndim == 0:
        raise UserError(f"{key}: {path} holds a single value: {_SHAPES}")
    return array


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
