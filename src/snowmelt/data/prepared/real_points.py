"""Real examples to show or to compare with, where those of the training are at hand."""

from __future__ import annotations

from pathlib import Path

import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model

MOST = 4000


def real_points(folder: Path, manifest: Manifest, most: int = MOST) -> Tensor | None:
    """Points of the training; None where they are not at hand, and of images.

    Args:
        folder, manifest, most: see `stored_examples`.

    Shapes:
        -> (N, D) float32, in the model's units
    """
    if manifest.kind != "points":
        return None
    stored = stored_examples(folder, manifest, most)
    return None if stored is None else to_model(torch.from_numpy(stored), manifest)


def stored_examples(folder: Path, manifest: Manifest, most: int = MOST) -> NDArray | None:
    """Examples of the training as they are stored; None where they are not at hand.

    A checkpoint can be sampled anywhere, also beside the prepared form of other data.

    Args:
        folder: of prepared data, which may be of something else or missing.
        manifest: of the data that the checkpoint was trained on.
        most: how many, at most.

    Shapes:
        -> (N, *D)
    """
    if not (folder / "manifest.json").is_file():
        return None
    try:
        data = PreparedData.open(folder)
    except UserError:
        return None
    return data.train[:most].copy() if data.manifest.digests == manifest.digests else None
