"""The rows of prepared images as a measurement shows them, in the same order and split.

They are made of the prepared form, not of the raw data once more: so row k is the degraded
row k whatever the source, its classes or its split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snowmelt.common.array_files import create_rows, in_parts, save_array, write_rows
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_directory, sha256
from snowmelt.common.records import write_record
from snowmelt.data.prepared.dataset import LABELS, MANIFEST, PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.operators import LinearOperator

ROWS_OF = "rows_of"
"""The entry of `Manifest.split` that names the data whose rows these are."""


def write(
    folder: Path,
    data: PreparedData,
    operator: LinearOperator,
    config: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write the degraded rows of prepared images, whole or not at all.

    Each is the picture of its measurement, rounded to the levels of the data.

    Args:
        folder: replaced if it is there.
        config: what of the configuration they are made from.

    Raises:
        UserError: the data is points, or does not fit the measurement.
    """
    manifest = data.manifest
    check(operator, manifest.shape)
    seen = np.zeros(256, dtype=bool)
    with new_directory(folder) as draft:
        path = draft / manifest.array_file
        create_rows(path, np.uint8, (manifest.count, *manifest.shape))
        for first, part in ((0, data.train), (manifest.train_count, data.held_out)):
            for place, images in in_parts(part):
                rows = degraded(images, operator, manifest)
                write_rows(path, first + place, rows)
                seen[rows.ravel()] = True
        if data.train_labels is not None and data.held_out_labels is not None:
            labels = np.concatenate([data.train_labels, data.held_out_labels])
            save_array(draft / LABELS, labels)
        levels = np.flatnonzero(seen)
        written = replace(
            manifest,
            name=f"{manifest.name}, degraded",
            split=manifest.split | {ROWS_OF: manifest.digest},
            skipped=(),
            notes=(),
            digests={name: sha256(draft / name) for name in manifest.digests},
            config=dict(config or {}),
            seen_levels={
                "least": int(levels[0]),
                "greatest": int(levels[-1]),
                "distinct": len(levels),
            },
        )
        write_record(draft / MANIFEST, written.to_dict())
    return written


def check(operator: LinearOperator, shape: tuple[int, ...]) -> None:
    """Refuse data that a measurement does not fit.

    Raises:
        UserError: naming the key.
    """
    try:
        operator.check(shape)
        if len(shape) != 3:
            raise ValueError(f"images are degraded, the data has the shape {shape}")
        if not operator.is_fixed:
            raise ValueError("all examples are degraded alike, and this one changes")
    except ValueError as error:
        raise UserError(f"start.by: {error}; choose another degradation") from error


def degraded(
    images: np.ndarray, operator: LinearOperator, manifest: Manifest
) -> np.ndarray:
    """Stored images as a measurement shows them. Shapes: (n, C, H, W) uint8 -> same"""
    assert manifest.value_range is not None
    low, high = manifest.value_range
    # The middle of the range is the model's zero, around which the picture is linear. In
    # float64 the means of squares are exact, so that a half goes to the even level.
    centre = 0.5 * (low + high)
    levels = torch.from_numpy(np.array(images)).double() - centre
    placed = operator.at(torch.arange(len(levels)), manifest.shape, seed=0)
    shown = torch.round(placed.shown(placed(levels)) + centre)
    return shown.clamp(low, high).to(torch.uint8).numpy()
