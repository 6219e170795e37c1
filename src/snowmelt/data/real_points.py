"""Real points for pictures to show, wherever a checkpoint is looked at."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.data.known_density import known_density
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model

MOST = 4000


def real_points(
    folder: Path, manifest: Manifest, root: Path = Path(), most: int = MOST
) -> Tensor | None:
    """Points of the training or, without them, draws of their density; None without both.

    A checkpoint can be sampled anywhere, also beside the prepared form of other data. Draws
    of the density are as real as any.

    Args:
        folder: of prepared data, which may be of something else or missing.
        manifest: of the data that the checkpoint was trained on.
        root: what paths of the data's configuration are relative to.
        most: how many, at most.

    Shapes:
        -> (N, D) float32, in the model's units
    """
    if manifest.kind != "points":
        return None
    found = _training_points(folder, manifest, most)
    if found is not None:
        return found
    try:
        density = known_density(manifest, root)
    except UserError as error:
        print(f"pictures: without the density of the data ({error})")
        return None
    return None if density is None else density.sample(most, seed=0)


def _training_points(folder: Path, manifest: Manifest, most: int) -> Tensor | None:
    if not (folder / "manifest.json").is_file():
        return None
    try:
        data = PreparedData.open(folder)
    except UserError:
        return None
    if data.manifest.digests != manifest.digests:
        return None
    return to_model(torch.from_numpy(data.train[:most].copy()), manifest)
