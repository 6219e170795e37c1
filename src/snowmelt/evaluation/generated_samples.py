"""Reading the samples that are to be measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snowmelt.common.array_files import mapped
from snowmelt.common.errors import UserError
from snowmelt.common.records import SHOWN, read_record, require_keys
from snowmelt.common.verification import Verification
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.evaluation.settings import LEAST
from snowmelt.training.weight_sets.names import is_name

MARKER = "samples.json"
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
        UserError: a file is missing or damaged, the samples are of a model of other data,
            not of the data's shape, type and range, or fewer than two.
    """
    path = folder / "samples.npy"
    description = read_record(folder / MARKER, made_by=_STAGE)
    _check_description(description, folder / MARKER)
    samples = mapped(path, made_by=_STAGE)
    _check_form(samples, path, manifest, origin)
    Verification(folder, description["digests"], made_by=_STAGE).finish()
    _check_data(description, folder, manifest, origin)
    if len(samples) != description["num_samples"]:
        raise UserError(
            f"{path} holds {len(samples)} samples, {MARKER} says"
            f" {description['num_samples']}: {_AGAIN}"
        )
    _check_values(samples, path, manifest)
    return samples, description


def _check_description(description: Mapping[str, Any], path: Path) -> None:
    """Refuse a record that lacks what samples are measured and shown by."""
    kinds = {
        "identity": str,
        "checkpoint": dict,
        "sampler": dict,
        "num_samples": int,
        "seed": int,
        "digest": str,
        "data": str,
        "digests": dict,
    }
    require_keys(description, path, kinds, made_by=_STAGE)
    checkpoint = description["checkpoint"]
    is_named = all(isinstance(checkpoint.get(key), str) for key in ("identity", "sha256"))
    if not is_named or not isinstance(checkpoint.get("step"), int):
        raise UserError(f"{path} does not say which checkpoint was sampled: {_AGAIN}")
    if not is_name(str(checkpoint.get("weights"))):
        raise UserError(
            f"{path} says weights={checkpoint.get('weights')}, which are ema, raw or one"
            f" like ema_0.999 or posthoc_0.05: {_AGAIN}"
        )
    if description["digests"].get("samples.npy") != description["digest"]:
        raise UserError(f"{path} names two digests of samples.npy: {_AGAIN}")


def _check_data(
    description: Mapping[str, Any], folder: Path, manifest: Manifest, origin: Path
) -> None:
    """Refuse samples of a model of other data, and such as complete other examples."""
    if description["data"] != manifest.digest:
        raise UserError(
            f"{folder} holds samples of a model of the data {description['data'][:SHOWN]},"
            f" but {origin} holds '{manifest.name}', {manifest.digest[:SHOWN]}: sample a"
            " checkpoint that was trained on this data (`snowmelt train`, then `snowmelt"
            " sample`), or prepare the data that it was trained on"
        )
    if description.get("starts", "held_out") != "held_out":
        raise UserError(
            f"{folder} holds samples that begin at {description['starts']} starts, which"
            " the model has seen: draw them with sample.starts=held_out to measure them"
        )
    examples = description.get("examples")
    if examples not in (None, manifest.digests.get(manifest.array_file)):
        raise UserError(
            f"{folder} holds completions of other examples than those in {origin}: {_AGAIN}"
        )


def _check_form(samples: Any, path: Path, manifest: Manifest, origin: Path) -> None:
    shape, dtype = getattr(samples, "shape", ()), getattr(samples, "dtype", None)
    if shape[1:] != manifest.shape or dtype != manifest.dtype:
        raise UserError(
            f"{path} holds {dtype} samples of shape {shape[1:]}, but the data in {origin}"
            f" is {manifest.dtype} of shape {manifest.shape}: sample a checkpoint that was"
            " trained on this data, or prepare the data that it was trained on"
        )
    if len(samples) < LEAST:
        raise UserError(
            f"{path} holds {len(samples)} sample(s), distances need at least {LEAST}: draw"
            " more with sample.num_samples"
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
