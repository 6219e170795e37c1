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
from snowmelt.data.sources import class_names
from snowmelt.data.sources.image_listing import printable

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
        UserError: there is a train and a test folder, and images outside of both or of a
            class that only one to hold out has; or two names of classes are nearly one.
    """
    folders, shared = _without_common([tuple(file.split("/")[:-1]) for file in files])
    tops = [parts[0] if parts else "" for parts in folders]
    held_out = _official(tops, files)
    if held_out is not None:
        folders, shared = _without_common([parts[1:] for parts in folders])
        tops = [parts[0] if parts else "" for parts in folders]
    if "" not in tops:
        labels, classes = _numbered([printable(top) for top in tops])
        class_names.check("data.path", classes)
        return Layout(labels, classes, held_out, _lacking(labels, classes, held_out, files))
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


def _lacking(
    labels: np.ndarray,
    classes: tuple[str, ...],
    held_out: np.ndarray | None,
    files: Sequence[str],
) -> tuple[str, ...]:
    """Refuse classes without a training image, and note those without a held-out one."""
    if held_out is None:
        return ()
    for number, name in enumerate(classes):
        if held_out[labels == number].all():
            count = int((labels == number).sum())
            example = printable(files[int(np.argmax(labels == number))])
            raise UserError(
                f"data.path: the class {name} has {count} images to hold out"
                f" ({example}) and none to train on, so samples of it would be of what the"
                " model never saw: give it training images, or move it away"
            )
    seen = set(labels[held_out].tolist())
    missing = [name for number, name in enumerate(classes) if number not in seen]
    if not missing:
        return ()
    return (f"no image is held out of the classes {', '.join(missing)}",)
