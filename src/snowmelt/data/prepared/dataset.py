"""The prepared form of a data set: arrays on disk, mapped into memory, and a manifest.

A folder holds

- `images.npy`, uint8 (N, C, H, W), the raw levels, or `points.npy`, float32 (N, D);
- `labels.npy`, int64 (N,), if the classes are known;
- `manifest.json`, see `snowmelt.data.prepared.manifest`.

The rows [0, train_count) are the training split, the rest is held out. Each split is in
random order, so its first n rows are a fair sample. The same raw data and the same
configuration give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snowmelt.common.array_files import mapped, release, save_array
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_directory, sha256
from snowmelt.common.instantiate import plain
from snowmelt.common.records import read_record, write_record
from snowmelt.common.verification import Verification
from snowmelt.data.prepared import splits, stored_rows
from snowmelt.data.prepared.image_rows import ImageRows
from snowmelt.data.prepared.manifest import Manifest, Skipped

MANIFEST = "manifest.json"
LABELS = "labels.npy"
_STAGE = "prepare"


@dataclass(frozen=True)
class PreparedData:
    """A prepared data set; its arrays are read-only views of the files.

    Attributes:
        train: images as stored, uint8 (n, C, H, W), or points, float32 (n, D).
        held_out: the same for the rest.
        train_labels: int64 (n,), or None.
        held_out_labels: the same for the rest, or None.
    """

    folder: Path
    manifest: Manifest
    train: np.ndarray
    held_out: np.ndarray
    train_labels: np.ndarray | None
    held_out_labels: np.ndarray | None

    @classmethod
    def open(cls, folder: Path) -> PreparedData:
        """Map the arrays of `folder` into memory; `verify` compares their digests.

        Raises:
            UserError: a file is missing, unreadable or not what the manifest says.
        """
        path = folder / MANIFEST
        manifest = Manifest.from_dict(read_record(path, made_by=_STAGE), where=str(path))
        shape = (manifest.count, *manifest.shape)
        examples = _mapped(folder / manifest.array_file, manifest.dtype, shape)
        n = manifest.train_count
        if manifest.classes is None:
            return cls(folder, manifest, examples[:n], examples[n:], None, None)
        labels = _mapped(folder / LABELS, "int64", (manifest.count,))
        _check_trained(labels[:n], manifest.classes, folder)
        return cls(folder, manifest, examples[:n], examples[n:], labels[:n], labels[n:])

    @property
    def shape(self) -> tuple[int, ...]:
        return self.manifest.shape

    def verify(self) -> Verification:
        """Compare the arrays with the manifest, large ones in the background.

        Raises:
            UserError: a small one is not as it was written.
        """
        wanted, digests = [self.manifest.array_file], self.manifest.digests
        if self.train_labels is not None:
            wanted.append(LABELS)
        if lacking := [name for name in wanted if name not in digests]:
            raise UserError(
                f"{self.folder / MANIFEST} has no digest of {lacking[0]}: run"
                f" `snowmelt {_STAGE}` again"
            )
        named = {name: digests[name] for name in wanted}
        return Verification(self.folder, named, made_by=_STAGE)

    def check_made_from(self, data_config: Any, key: str = "data") -> None:
        """Refuse data that was prepared from another configuration.

        Args:
            key: where that stands.

        Raises:
            UserError: they differ; the message names the first key that does.
        """
        then, now = self.manifest.config, json.loads(json.dumps(plain(data_config)))
        for name in sorted(then.keys() | now.keys()):
            # A choice that an earlier version did not have was not made.
            is_new = name not in then and (now[name] is None or now[name] is False)
            if not is_new and then.get(name) != now.get(name):
                raise UserError(
                    f"{self.folder} was prepared with {key}.{name}={then.get(name)}, the"
                    f" configuration says {now.get(name)}: run `snowmelt {_STAGE}` again"
                )


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Map an array and check that it is the one that the manifest describes."""
    array: np.ndarray = mapped(path, made_by=_STAGE)
    is_array = isinstance(array, np.ndarray)
    if not is_array or array.dtype != np.dtype(dtype) or array.shape != shape:
        found = f"{getattr(array, 'dtype', '?')} {getattr(array, 'shape', '?')}"
        raise UserError(
            f"{path} is {found}, the manifest says {dtype} {shape}: run"
            f" `snowmelt {_STAGE}` again"
        )
    return array


def _check_trained(
    train_labels: np.ndarray, classes: tuple[str, ...], folder: Path
) -> None:
    """Refuse classes that only the held-out split has: nothing could be learnt of them."""
    unseen = np.flatnonzero(np.bincount(train_labels, minlength=len(classes)) == 0)
    release(train_labels)
    if len(unseen):
        raise UserError(
            f"{folder}: no example to train on is of the class {classes[unseen[0]]}: add"
            f" some to the data, or leave the class out, and run `snowmelt {_STAGE}` again"
        )


def write(
    folder: Path,
    *,
    examples: np.ndarray | ImageRows,
    name: str,
    labels: np.ndarray | None = None,
    classes: tuple[str, ...] | None = None,
    value_range: tuple[int, int] | None = None,
    held_out: np.ndarray | None = None,
    held_out_fraction: float | None = 0.2,
    split_seed: int = 0,
    config: dict[str, Any] | None = None,
    skipped: Iterable[Skipped] = (),
    notes: Iterable[str] = (),
) -> Manifest:
    """Split raw data and write its prepared form, whole or not at all.

    Args:
        folder: replaced if it is there.
        config: the section `data` of the configuration, as plain dicts and lists.
        examples, name, labels, classes, value_range, held_out, held_out_fraction,
            split_seed, skipped, notes: see `snowmelt.data.sources.source`.

    Raises:
        UserError: too few examples for a split, or points that are all the same.
        ValueError: the arguments do not fit each other.
    """
    _check(examples, labels, classes, value_range)
    chosen = splits.split(
        len(examples),
        labels=labels,
        official=held_out,
        fraction=held_out_fraction,
        seed=split_seed,
    )
    is_points = examples.dtype == np.float32
    mean, std = _moments(examples[chosen.train]) if is_points else (None, None)
    fraction = None if chosen.kind == "official" else held_out_fraction
    kind = "points" if is_points else "images"
    order = np.concatenate([chosen.train, chosen.held_out])
    files = [f"{kind}.npy"] + ([] if labels is None else [LABELS])
    with new_directory(folder) as draft:
        said = stored_rows.store(draft / files[0], examples, order)
        if labels is not None:
            save_array(draft / LABELS, labels[order])
        copies = stored_rows.leaked(said.fingerprints, examples, order, len(chosen.train))
        if copies:
            notes = (*notes, f"{copies} held-out examples are equal to a training example")
        manifest = Manifest(
            kind=kind,
            name=name,
            count=len(order),
            train_count=len(chosen.train),
            held_out_count=len(chosen.held_out),
            shape=examples.shape[1:],
            dtype=examples.dtype.name,
            value_range=value_range,
            classes=classes,
            class_counts=_class_counts(labels, classes),
            mean=mean,
            std=std,
            split={
                "kind": chosen.kind,
                "seed": split_seed,
                "held_out_fraction": fraction,
            },
            skipped=tuple(skipped),
            notes=tuple(notes),
            digests={file: sha256(draft / file) for file in files},
            config=config or {},
            seen_levels=said.levels,
        )
        write_record(draft / MANIFEST, manifest.to_dict())
    return manifest


def _check(
    examples: np.ndarray | ImageRows,
    labels: np.ndarray | None,
    classes: tuple[str, ...] | None,
    value_range: tuple[int, int] | None,
) -> None:
    """Raise ValueError unless the arguments of `write` fit each other."""
    layout = (examples.dtype.name, examples.ndim, value_range is not None)
    if layout not in (("uint8", 4, True), ("float32", 2, False)):
        raise ValueError(
            "examples must be uint8 (N,C,H,W) with a value_range or float32 (N,D)"
            f" without, got {examples.dtype} {examples.shape} and {value_range}"
        )
    if value_range is not None and not 0 <= value_range[0] < value_range[1] <= 255:
        raise ValueError(f"value_range must rise within 0..255, got {value_range}")
    if (labels is None) != (classes is None):
        raise ValueError("labels and classes come together or not at all")
    if labels is None or classes is None:
        return
    if labels.dtype != np.int64 or labels.shape != (len(examples),):
        raise ValueError(
            f"labels must be int64 ({len(examples)},), got {labels.dtype} {labels.shape}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise ValueError(f"labels must index the {len(classes)} classes")


def _moments(points: np.ndarray) -> tuple[tuple[float, ...], float]:
    """The mean of each coordinate and the one scale of all, in float64."""
    wide = points.astype(np.float64)
    mean = wide.mean(axis=0)
    std = float(np.sqrt(np.square(wide - mean).mean()))
    if std == 0.0:
        raise UserError("data: all points of the training split are the same")
    return tuple(mean.tolist()), std


def _class_counts(
    labels: np.ndarray | None, classes: tuple[str, ...] | None
) -> dict[str, int] | None:
    if labels is None or classes is None:
        return None
    counts = np.bincount(labels, minlength=len(classes))
    return dict(zip(classes, counts.tolist(), strict=True))
