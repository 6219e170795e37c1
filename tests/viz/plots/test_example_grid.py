from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.viz.plots.example_grid import save_examples
from snowmelt.viz.plots.image_grid import PAGE_PIXELS, image_grid


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


@pytest.mark.parametrize(("columns", "width"), [(3, 202), (5, 340), (None, 271)])
def test_a_row_of_the_grid_is_as_long_as_asked(tmp_path, images, columns, width):
    stored, manifest = images
    save_examples(tmp_path / "grid.png", stored, manifest.value_range, columns=columns)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.width == width


def test_a_large_image_is_no_wider_than_the_page(tmp_path):
    stored = np.zeros((1, 1, 600, 1200), np.uint8)
    save_examples(tmp_path / "grid.png", stored, (0, 255))
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (PAGE_PIXELS, PAGE_PIXELS // 2)
