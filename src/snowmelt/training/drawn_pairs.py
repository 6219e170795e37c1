"""Pairs that an earlier flow drew: a start of it, and where that was carried.

`snowmelt sample` with `sample.starts=training` carries each row of one training split, in
their order, so sample k and row k are a pair. Only the samples are read from its folder:
the other half of each pair lies in the prepared data, which stays what it is, and so do the
unit of length and what samples are measured against. A flow of the same two data sets has
the samples for its data (reflow). One that goes the other way has them for its starts, so
that what it learns to reach is real (iterated Markovian fitting). Where a flow begins with
normal noise, that of sample k follows from the seed and k.

The last few pairs are held back: their loss is the held-out loss of such a training.

References:
    Liu, Gong & Liu (2023), arXiv:2209.03003, section 2.2; Shi, De Bortoli, Campbell &
    Doucet (2023), arXiv:2303.16852, algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from snowmelt.common.array_files import mapped
from snowmelt.common.errors import UserError
from snowmelt.common.places import located
from snowmelt.common.records import content_digest, read_record, require_keys
from snowmelt.common.verification import Verification
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.start_points import StartPoints
from snowmelt.training.drawn_starts import DrawnStarts, NoiseStarts, RowStarts
from snowmelt.training.history import HELD_OUT
from snowmelt.training.settings import FitSettings

KEY = "coupling.samples"
FEWEST = 4
_ARRAY, _RECORD, _STAGE = "samples.npy", "samples.json", "sample"
_KINDS = {"data": str, "digest": str, "num_samples": int, "seed": int}


@dataclass(frozen=True)
class DrawnPairs:
    """What a training takes for its data and its starts.

    Attributes:
        data: row k of its training split is one half of pair k; its held-out split is the
            same of the pairs that are held back.
        starts: the other halves.
        digest: of the samples and their side; it decides the weights.
    """

    data: PreparedData
    starts: DrawnStarts
    digest: str

    @classmethod
    def open(
        cls, folder: Path, data: PreparedData, starts: StartPoints | None
    ) -> DrawnPairs:
        """The pairs in a folder of samples, which are looked through.

        Args:
            data, starts: as they were prepared; None for normal noise.

        Raises:
            UserError: a file is missing or damaged, the samples begin at held-out starts,
                or lie between other data, or are too few.
        """
        record = read_record(folder / _RECORD, made_by=_STAGE)
        require_keys(record, folder / _RECORD, _KINDS, made_by=_STAGE)
        is_exchanged = _is_exchanged(record, folder, data, starts)
        if starts is None:
            samples = _samples(folder, record, data.manifest)
            kept = _trained(len(samples))
            half: DrawnStarts = NoiseStarts(data.shape, record["seed"], kept)
            x_0 = samples
        else:
            begun, reached = (data, starts.data) if is_exchanged else (starts.data, data)
            samples = _samples(folder, record, reached.manifest, len(begun.train))
            kept, rows = _trained(len(samples)), begun.train[: len(samples)]
            x_0, x_1 = (rows, samples) if is_exchanged else (samples, rows)
            of_pairs = _with_rows(starts.data, x_1[:kept], x_1[kept:])
            half = RowStarts(replace(starts, data=of_pairs))
        digest = content_digest([record["digest"], is_exchanged])
        return cls(_with_rows(data, x_0[:kept], x_0[kept:]), half, digest)


def drawn_pairs_of(
    settings: FitSettings, data: PreparedData, starts: StartPoints | None, root: Path
) -> DrawnPairs | None:
    """The drawn pairs that the settings name; None where they name none.

    Raises:
        UserError: see `DrawnPairs.open`.
    """
    folder = named_pairs(settings, root)
    return None if folder is None else DrawnPairs.open(folder, data, starts)


def named_pairs(settings: FitSettings, root: Path) -> Path | None:
    """The folder of drawn pairs that the settings name; None where they name none.

    Raises:
        UserError: there is no such folder, or it holds no samples.
    """
    if (named := settings.coupling.get("samples")) is None:
        return None
    folder = located(root, named)
    missing = [name for name in (_ARRAY, _RECORD) if not (folder / name).is_file()]
    if missing:
        wrong = f"holds no {missing[0]}" if folder.is_dir() else "is no folder"
        raise UserError(
            f"{KEY}: {folder} {wrong}: name a folder that `snowmelt sample` wrote with"
            " sample.starts=training"
        )
    return folder


def _is_exchanged(
    record: dict[str, Any], folder: Path, data: PreparedData, starts: StartPoints | None
) -> bool:
    """Whether the samples were drawn by a flow that goes from this data to these starts.

    Raises:
        UserError: by a flow of other data, or not from what it was trained on.
    """
    start = None if starts is None else starts.data.manifest
    drawn = record["data"], record.get("start")
    there, back = (
        (data.manifest.digest, start and start.digest),
        (start and start.digest, data.manifest.digest),
    )
    if drawn not in (there, back) or record.get("examples") is not None:
        named = "normal noise" if start is None else start.name
        raise UserError(
            f"{KEY}: the samples in {folder} were drawn between other data than"
            f" {data.manifest.name} and {named} as they are prepared: name samples of a"
            " flow of these two, in either direction"
        )
    if start is not None and record.get("starts") != "training":
        raise UserError(
            f"{KEY}: the samples in {folder} do not begin at training starts, and what is"
            " held out is not to be learnt from: draw them with sample.starts=training"
        )
    if there == back:
        raise UserError(
            f"{KEY}: data and starts are the same examples, so that nobody can tell which"
            " half of a pair was drawn: choose another start"
        )
    return drawn == back


def _samples(
    folder: Path, record: dict[str, Any], reached: Manifest, rows: int | None = None
) -> np.ndarray:
    """The samples, looked through.

    Args:
        rows: of the training split that they begin at; noise has no end.
    """
    path, count = folder / _ARRAY, record["num_samples"]
    Verification(folder, {_ARRAY: record["digest"]}, made_by=_STAGE).finish()
    samples = mapped(path, made_by=_STAGE)
    if samples.shape != (count, *reached.shape) or samples.dtype != reached.dtype:
        raise UserError(
            f"{KEY}: {path} is {samples.dtype} {samples.shape}, and its record says"
            f" {reached.dtype} {(count, *reached.shape)}: run `snowmelt {_STAGE}` again"
        )
    if count < FEWEST or (rows is not None and count > rows):
        most = "" if rows is None else f", and no more than the {rows} training starts"
        raise UserError(
            f"{KEY}: {folder} holds {count} samples: draw {FEWEST} at least{most}, with"
            " sample.num_samples"
        )
    return samples


def _trained(count: int) -> int:
    """How many pairs are trained on; the others are held back."""
    return count - max(1, min(HELD_OUT, count // 10))


def _with_rows(data: PreparedData, train: np.ndarray, held_out: np.ndarray) -> PreparedData:
    """Prepared data of the same manifest with other rows, which have no classes."""
    return replace(
        data, train=train, held_out=held_out, train_labels=None, held_out_labels=None
    )
