"""What the folders of a data set mean: classes, and an official split.

Folders that hold all images say nothing and are looked through. At the first level
where the paths part, folders named train and test (or val) are an official split with
the classes below them; any other folders are the classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from snowmelt.common.errors import UserError
from snowmelt.data.sources import class_names
from snowmelt.data.sources.printable import printable

_TRAIN = ("train", "training")
_HELD_OUT = ("test", "testing", "val", "valid", "validation")


@dataclass(frozen=True)
class Layout:
    """What follows from the paths; the fields are those of `RawData`."""

    labels: np.ndarray | None
    classes: tuple[str, ...] | None
    held_out: np.ndarray | None
    notes: tuple[str, ...]


def understood(files: Iterable[str]) -> Layout:
    """Read classes and an official split from relative POSIX paths.

    Args:
        files: looked through once; each folder is understood once, however many files
            are in it.

    Raises:
        UserError: there is a train and a test folder, and images outside of both or of a
            class that only one to hold out has; or two names of classes are nearly one.
    """
    found = _Folders.of(files)
    folders, shared = _without_common(found.parts)
    tops = [parts[0] if parts else "" for parts in folders]
    held_out = _official(tops, found.first)
    if held_out is not None:
        folders, shared = _without_common([parts[1:] for parts in folders])
        tops = [parts[0] if parts else "" for parts in folders]
    of_files = None if held_out is None else held_out[found.numbers]
    if "" not in tops:
        labels, classes = _numbered([printable(top) for top in tops])
        class_names.check("data.path", classes)
        notes = _lacking(found, labels, classes, held_out)
        return Layout(labels[found.numbers], classes, of_files, notes)
    notes = ()
    if any(tops):
        notes = ("images lie beside folders, so the folders are no classes",)
    elif shared:
        notes = (f"all images lie in {shared}: no classes",)
    return Layout(None, None, of_files, notes)


@dataclass(frozen=True)
class _Folders:
    """The folders that files are in, in the order in which they come.

    Attributes:
        parts: the names on the way to each.
        first: the first file of each.
        numbers: the folder of each file, (N,) integers.
    """

    parts: list[tuple[str, ...]]
    first: list[str]
    numbers: np.ndarray

    @classmethod
    def of(cls, files: Iterable[str]) -> _Folders:
        known: dict[str, int] = {}
        first: list[str] = []

        def number(file: str) -> int:
            folder = file.rpartition("/")[0]
            if folder not in known:
                known[folder] = len(known)
                first.append(file)
            return known[folder]

        numbers = np.fromiter(map(number, files), np.int32)
        parts = [tuple(folder.split("/")) if folder else () for folder in known]
        return cls(parts, first, numbers)


def _without_common(
    folders: list[tuple[str, ...]],
) -> tuple[list[tuple[str, ...]], str]:
    """Drop the leading folders that all paths share, and say which these are."""
    depth = 0
    while len({parts[depth : depth + 1] for parts in folders}) == 1:
        if not folders[0][depth:]:
            break
        depth += 1
    return [parts[depth:] for parts in folders], "/".join(folders[0][:depth])


def _numbered(names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number the classes in the order of their names: labels (K,) int64, and names."""
    classes = tuple(sorted(set(names)))
    index = {name: number for number, name in enumerate(classes)}
    return np.array([index[name] for name in names], dtype=np.int64), classes


def _official(tops: Sequence[str], files: Sequence[str]) -> np.ndarray | None:
    """True for folders below test or val if there is also train; None without both."""
    lower = [top.lower() for top in tops]
    names = set(lower)
    if not (names.intersection(_TRAIN) and names.intersection(_HELD_OUT)):
        return None
    for name, file in zip(lower, files, strict=True):
        if name not in _TRAIN + _HELD_OUT:
            raise UserError(
                f"data.path has folders for training and test, but {file} lies outside"
                " of both: move it into one of them, or rename the folders"
            )
    return np.array([name in _HELD_OUT for name in lower])


def _lacking(
    found: _Folders,
    labels: np.ndarray,
    classes: tuple[str, ...],
    held_out: np.ndarray | None,
) -> tuple[str, ...]:
    """Refuse classes without a training image, and note those without a held-out one.

    Shapes:
        labels, held_out: (K,) of the folders
    """
    if held_out is None:
        return ()
    counts = np.bincount(found.numbers, minlength=len(labels))
    for number, name in enumerate(classes):
        is_here = labels == number
        if held_out[is_here].all():
            example = printable(found.first[int(np.argmax(is_here))])
            raise UserError(
                f"data.path: the class {name} has {counts[is_here].sum()} images to hold"
                f" out ({example}) and none to train on, so samples of it would be of what"
                " the model never saw: give it training images, or move it away"
            )
    seen = set(labels[held_out].tolist())
    missing = [name for number, name in enumerate(classes) if number not in seen]
    if not missing:
        return ()
    return (f"no image is held out of the classes {', '.join(missing)}",)
