"""What the folders of a data set mean: classes, and an official split.

Folders that hold all images say nothing and are looked through. At the first level
where the paths part, folders named train and test (or val) are an official split with
the classes below them; any other folders are the classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snowmelt.common.errors import UserError

_TRAIN = ("train", "training")
_HELD_OUT = ("test", "testing", "val", "valid", "validation")


@dataclass(frozen=True)
class Layout:
    """What follows from the paths; the fields are those of `RawData`."""

    labels: np.ndarray | None
    classes: tuple[str, ...] | None
    held_out: np.ndarray | None
    notes: tuple[str, ...]


def understood(files: Sequence[str]) -> Layout:
    """Read classes and an official split from relative POSIX paths.

    Raises:
        UserError: there is a train and a test folder, and images outside of both.
    """
    folders, shared = _without_common([tuple(file.split("/")[:-1]) for file in files])
    tops = [parts[0] if parts else "" for parts in folders]
    held_out = _official(tops, files)
    if held_out is not None:
        folders, shared = _without_common([parts[1:] for parts in folders])
        tops = [parts[0] if parts else "" for parts in folders]
    if "" not in tops:
        labels, classes = _numbered(tops)
        return Layout(labels, classes, held_out, ())
    notes: tuple[str, ...] = ()
    if any(tops):
        notes = ("images lie beside folders, so the folders are no classes",)
    elif shared:
        notes = (f"all images lie in {shared}: no classes",)
    return Layout(None, None, held_out, notes)


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
    """Number the classes in the order of their names: labels (N,) int64, and names."""
    classes = tuple(sorted(set(names)))
    index = {name: number for number, name in enumerate(classes)}
    return np.array([index[name] for name in names], dtype=np.int64), classes


def _official(tops: Sequence[str], files: Sequence[str]) -> np.ndarray | None:
    """True for images below test or val if there is also train; None without both."""
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
