"""Real points for pictures to show, where those of the training are at hand."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model

MOST = 4000


def real_points(folder: Path, manifest: Manifest, most: int = MOST) -> Tensor | None:
    """Points of the training; None where they are not at hand, and of images.

    A checkpoint can be sampled anywhere, also beside the prepared form of other data.

    Args:
        folder: of prepared data, which may be of something else or missing.
        manifest: of the data that the checkpoint was trained on.
        most: how many, at most.

    Shapes:
        -> (N, D) float32, in the model's units
    """
    if manifest.kind != "points" or not (folder / "manifest.json").is_file():
        return None
    try:
        data = PreparedData.open(folder)
    except UserError:
        return None
    if data.manifest.digests != manifest.digests:
        return None
    return to_model(torch.from_numpy(data.train[:most].copy()), manifest)
