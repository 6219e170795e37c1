from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.viz.plots.example_grid import save_examples
from snowmelt.viz.plots.image_grid import image_grid


@pytest.fixture
def images(tmp_path) -> tuple[np.ndarray, Manifest]:
    stored = np.random.default_rng(0).integers(0, 17, (10, 1, 8, 8)).astype(np.uint8)
    folder = tmp_path / "images"
    return stored, dataset.write(folder, examples=stored, name="x", value_range=(0, 16))


@pytest.fixture
def points(tmp_path) -> tuple[np.ndarray, Manifest]:
    stored = np.random.default_rng(0).standard_normal((10, 2)).astype(np.float32)
    return stored, dataset.write(tmp_path / "points", examples=stored, name="x")


def test_images_become_a_grid_at_the_data_s_own_range(tmp_path, images):
    stored, manifest = images
    save_examples(tmp_path / "grid.png", stored, manifest.value_range)
    with Image.open(tmp_path / "grid.png") as picture:
        expected = np.asarray(image_grid(stored, (0, 16)))
        assert (np.asarray(picture) == expected).all()


def test_points_become_a_scatter(tmp_path, points):
    stored, manifest = points
    save_examples(tmp_path / "scatter.png", stored, manifest.value_range)
    with Image.open(tmp_path / "scatter.png") as picture:
        assert picture.width == picture.height
