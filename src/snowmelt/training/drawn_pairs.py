"""Pairs that an earlier flow drew: a training start of it, and where that was carried.

`snowmelt sample` with `sample.starts=training` carries each row of one training split, in
their order, so sample k and row k are a pair. Only the samples are read from its folder:
the other half of each pair lies in the prepared data, which stays what it is, and so do the
unit of length and what samples are measured against. A flow of the same two data sets has
the samples for its data (reflow). One that goes the other way has them for its starts, so
that what it learns to reach is real (iterated Markovian fitting).

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
from snowmelt.training.history import HELD_OUT
from snowmelt.training.settings import FitSettings

KEY = "coupling.samples"
FEWEST = 4
_ARRAY, _RECORD, _STAGE = "samples.npy", "samples.json", "sample"
_KINDS = {"data": str, "start": str, "starts": str, "digest": str, "num_samples": int}


@dataclass(frozen=True)
class DrawnPairs:
    """What a training takes the place of its data and its starts.

    Attributes:
        data: row k of its training split is one half of pair k; its held-out split is the
            same of the pairs that are held back.
        starts: the other halves; samples begin at the held-out starts as ever.
        held_out_starts: the other halves of the pairs that are held back.
        digest: of the samples and their side; it decides the weights.
    """

    data: PreparedData
    starts: StartPoints
    held_out_starts: StartPoints
    digest: str

    @classmethod
    def open(cls, folder: Path, data: PreparedData, starts: StartPoints) -> DrawnPairs:
        """The pairs in a folder of samples, which are looked through.

        Args:
            data, starts: as they were prepared.

        Raises:
            UserError: a file is missing or damaged, the samples begin at held-out starts,
                or lie between other data, or are too few.
        """
        record = _record(folder)
        is_exchanged = _is_exchanged(record, folder, data.manifest, starts.data.manifest)
        begun = data if is_exchanged else starts.data
        reached = starts.data if is_exchanged else data
        samples = _samples(folder, record, reached.manifest, len(begun.train))
        rows = begun.train[: len(samples)]
        x_0, x_1 = (rows, samples) if is_exchanged else (samples, rows)
        kept = len(samples) - max(1, min(HELD_OUT, len(samples) // 10))
        digest = content_digest([record["digest"], is_exchanged])
        return cls(
            _with_rows(data, x_0[:kept], x_0[kept:]),
            replace(starts, data=_with_rows(starts.data, x_1[:kept], starts.data.held_out)),
            replace(starts, data=_with_rows(starts.data, x_1[:kept], x_1[kept:])),
            digest,
        )


def drawn_pairs_of(
    settings: FitSettings, data: PreparedData, starts: StartPoints | None, root: Path
) -> DrawnPairs | None:
    """The drawn pairs that the settings name; None where they name none.

    Raises:
        UserError: see `DrawnPairs.open`; or there are no starts.
    """
    named = settings.coupling.get("samples")
    if named is None:
        return None
    if starts is None:
        raise UserError(
            f"{KEY}: the start is normal noise, and these are pairs of two data sets: give"
            " the other half of each pair by start=data"
        )
    return DrawnPairs.open(located(root, named), data, starts)


def _record(folder: Path) -> dict[str, Any]:
    """What samples.json says, with all that is read of it here."""
    record = read_record(folder / _RECORD, made_by=_STAGE)
    if record.get("starts") != "training":
        raise UserError(
            f"{KEY}: the samples in {folder} do not begin at training starts, and what is"
            " held out is not to be learnt from: draw them with sample.starts=training"
        )
    require_keys(record, folder / _RECORD, _KINDS, made_by=_STAGE)
    return record


def _is_exchanged(
    record: dict[str, Any], folder: Path, data: Manifest, start: Manifest
) -> bool:
    """Whether the samples were drawn by a flow that goes from this data to these starts."""
    drawn = record["data"], record["start"]
    if drawn == (data.digest, start.digest):
        return False
    if drawn == (start.digest, data.digest):
        return True
    raise UserError(
        f"{KEY}: the samples in {folder} were drawn between other data than {data.name}"
        f" and {start.name} as they are prepared: name samples of a flow of these two, in"
        " either direction"
    )


def _samples(
    folder: Path, record: dict[str, Any], reached: Manifest, rows: int
) -> np.ndarray:
    """The samples, each beside a row of the training split that they begin at."""
    path, count = folder / _ARRAY, record["num_samples"]
    Verification(folder, {_ARRAY: record["digest"]}, made_by=_STAGE).finish()
    samples = mapped(path, made_by=_STAGE)
    if samples.shape != (count, *reached.shape) or samples.dtype != reached.dtype:
        raise UserError(
            f"{KEY}: {path} is {samples.dtype} {samples.shape}, and its record says"
            f" {reached.dtype} {(count, *reached.shape)}: run `snowmelt {_STAGE}` again"
        )
    if not FEWEST <= count <= rows:
        raise UserError(
            f"{KEY}: {folder} holds {count} samples, and {rows} training starts: draw"
            f" {FEWEST} to {rows} with sample.num_samples"
        )
    return samples


def _with_rows(data: PreparedData, train: np.ndarray, held_out: np.ndarray) -> PreparedData:
    """Prepared data of the same manifest with other rows, which have no classes."""
    return replace(
        data, train=train, held_out=held_out, train_labels=None, held_out_labels=None
    )
