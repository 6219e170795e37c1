"""Completed images are as large as all others, and fit the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snowmelt.viz.plots.completion import save_completion
from snowmelt.viz.plots.image_grid import MARGIN, PAGE_PIXELS

TITLE = 24


@pytest.mark.parametrize("blocks", [2, 3])
@pytest.mark.parametrize(
    ("side", "scale", "columns"),
    [(8, 8, (4, 4)), (28, 3, (4, 3)), (32, 3, (4, 3)), (64, 2, (3, 2))],
)
def test_each_block_shows_the_same_places_enlarged_by_a_whole_factor(
    tmp_path: Path, side: int, scale: int, columns: tuple[int, int], blocks: int
) -> None:
    rng = np.random.default_rng(side)
    images = rng.integers(0, 256, (blocks, 16, 1, side, side)).astype(np.uint8)
    path, seen = tmp_path / "completion.png", images[2] if blocks == 3 else None
    save_completion(
        path, truth=images[0], seen=seen, completed=images[1], value_range=(0, 255)
    )
    with Image.open(path) as picture:
        assert picture.width <= PAGE_PIXELS
        drawn = np.asarray(picture.convert("L"))
    tile = side * scale
    gap, count = round(min(tile, 96) / 12), columns[blocks - 2]
    block = count * (tile + gap) - gap + MARGIN
    rows = 16 // count
    assert drawn.shape[0] == rows * (tile + gap) - gap + TITLE + 2 * MARGIN, "whole rows"
    for place, part in enumerate([0, 1] if blocks == 2 else [0, 2, 1]):
        for index in (0, count - 1, count):
            x = MARGIN + place * block + index % count * (tile + gap)
            y = MARGIN + TITLE + index // count * (tile + gap)
            expected = images[part, index, 0].repeat(scale, 0).repeat(scale, 1)
            assert (drawn[y : y + tile, x : x + tile] == expected).all()


def test_large_images_are_made_smaller_to_fit(tmp_path: Path) -> None:
    images = np.zeros((4, 1, 300, 300), np.uint8)
    path = tmp_path / "completion.png"
    save_completion(path, truth=images, seen=images, completed=images, value_range=(0, 255))
    with Image.open(path) as picture:
        assert PAGE_PIXELS - 10 < picture.width <= PAGE_PIXELS
