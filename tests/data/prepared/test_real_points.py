"""The points that pictures of samples may be compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.real_points import real_points
from snowmelt.data.prepared.scaling import to_model


def points(folder: Path, seed: int = 0) -> Manifest:
    examples = np.random.default_rng(seed).normal(3.0, 2.0, (50, 2)).astype(np.float32)
    return dataset.write(folder, examples=examples, name="points")


def test_they_are_those_of_the_training_in_the_models_units(tmp_path: Path) -> None:
    manifest = points(tmp_path)
    found = real_points(tmp_path, manifest, most=20)
    stored = torch.from_numpy(np.load(tmp_path / "points.npy")[:20])
    assert found is not None
    torch.testing.assert_close(found, to_model(stored, manifest))
    assert len(real_points(tmp_path, manifest)) == manifest.train_count


def test_there_are_none_without_the_data_of_the_training(tmp_path: Path) -> None:
    manifest = points(tmp_path / "here")
    assert real_points(tmp_path / "nowhere", manifest) is None
    points(tmp_path / "other", seed=1)
    assert real_points(tmp_path / "other", manifest) is None
    (tmp_path / "here" / "points.npy").write_bytes(b"damaged")
    assert real_points(tmp_path / "here", manifest) is None
    (tmp_path / "here" / "manifest.json").write_text("{}")
    assert real_points(tmp_path / "here", manifest) is None
    images = replace(manifest, kind="images")
    points(tmp_path / "images")
    assert real_points(tmp_path / "images", images) is None
