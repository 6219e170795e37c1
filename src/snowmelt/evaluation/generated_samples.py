"""Reading the samples that are to be measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from snowmelt.common.array_files import mapped
from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json, sha256
from snowmelt.data.prepared.manifest import Manifest

_STAGE = "sample"
_AGAIN = f"run `snowmelt {_STAGE}` again"


def read(
    folder: Path, manifest: Manifest, origin: Path
) -> tuple[np.ndarray, dict[str, Any]]:
    """The samples and the content of samples.json.

    Args:
        folder: what the stage sample wrote.
        origin: where that stands, for the error.

    Raises:
        UserError: a file is missing or damaged, the two do not belong together, or the
            samples are not of the data's shape, type and range, or fewer than two.
    """
    path = folder / "samples.npy"
    description = read_json(folder / "samples.json", made_by=_STAGE)
    samples = mapped(path, made_by=_STAGE)
    _check_form(samples, path, manifest, origin)
    if description.get("digest") != sha256(path):
        raise UserError(
            f"{path} is not the file that {folder / 'samples.json'} describes: {_AGAIN}"
        )
    _check_values(samples, path, manifest)
    return samples, description


def _check_form(samples: Any, path: Path, manifest: Manifest, origin: Path) -> None:
    shape, dtype = getattr(samples, "shape", ()), getattr(samples, "dtype", None)
    if shape[1:] != manifest.shape or dtype != manifest.dtype:
        raise UserError(
            f"{path} holds {dtype} samples of shape {shape[1:]}, but the data in {origin}"
            f" is {manifest.dtype} of shape {manifest.shape}: sample a checkpoint that was"
            " trained on this data, or prepare the data that it was trained on"
        )
    if len(samples) < 2:
        raise UserError(
            f"{path} holds {len(samples)} sample(s), distances need at least 2: draw more"
            " with sample.num_samples"
        )


def _check_values(samples: np.ndarray, path: Path, manifest: Manifest) -> None:
    if manifest.value_range is None:
        if not np.isfinite(samples).all():
            raise UserError(f"{path} holds points that are not finite: {_AGAIN}")
        return
    low, high = manifest.value_range
    if samples.min() < low or samples.max() > high:
        raise UserError(
            f"{path} holds values from {samples.min()} to {samples.max()}, the data's range"
            f" is {low} to {high}: sample a checkpoint that was trained on this data"
        )
