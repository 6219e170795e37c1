"""Every pixel of the data is drawn, where and as bright as it should be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from snowmelt.viz import style
from snowmelt.viz.plots import image_grid


def digits(count: int, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 17, (count, channels, 8, 8)).astype(np.uint8)


def test_grid_holds_every_pixel_exactly():
    stored = digits(5)
    scale, gap, columns = 3, 2, 3
    grid = np.asarray(image_grid.image_grid(stored, (0, 16), columns, scale, gap))
    assert grid.shape == (2 * 24 + 2, 3 * 24 + 2 * 2)
    for index in range(5):
        top, left = (index // 3) * 26, (index % 3) * 26
        tile = grid[top : top + 24, left : left + 24]
        expected = np.rint(stored[index, 0] * (255 / 16)).astype(np.uint8)
        assert (tile[::3, ::3] == expected).all()
        assert (tile == expected.repeat(3, 0).repeat(3, 1)).all()
    assert (grid[24:26] == image_grid.GAP_LEVEL).all(), "the gap between the rows"
    assert (grid[26:, 52:] == image_grid.GAP_LEVEL).all(), "the place that no image fills"


def test_value_range_maps_to_black_and_white_and_clips():
    stored = np.array([0, 2, 4, 200], dtype=np.uint8).reshape(1, 1, 2, 2)
    grid = np.asarray(image_grid.image_grid(stored, (2, 4), scale=1))
    assert grid.tolist() == [[0, 0], [255, 255]]
    middle = image_grid.image_grid(np.full((1, 1, 1, 1), 3, np.uint8), (2, 4), scale=1)
    assert np.asarray(middle).tolist() == [[128]]


def test_colour_keeps_its_channels_and_their_order():
    stored = np.zeros((1, 3, 2, 2), np.uint8)
    stored[0, 0], stored[0, 1], stored[0, 2] = 10, 20, 30
    grid = image_grid.image_grid(stored, (0, 255), scale=1)
    assert grid.mode == "RGB"
    assert grid.getpixel((1, 1)) == (10, 20, 30)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGB")])
def test_any_number_of_channels_is_drawn(channels: int, mode: str):
    assert image_grid.image_grid(digits(2, channels), (0, 16)).mode == mode


def test_small_images_are_enlarged_and_large_ones_are_not():
    assert image_grid.image_grid(digits(1), (0, 16)).size == (48, 48)
    large = np.zeros((1, 1, 200, 200), np.uint8)
    assert image_grid.image_grid(large, (0, 255)).size == (200, 200)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((0, 1, 8, 8), np.uint8),
        np.zeros((8, 8), np.uint8),
        np.zeros((1, 1, 8, 8), np.float32),
    ],
)
def test_what_is_no_image_is_refused(wrong: np.ndarray):
    with pytest.raises(ValueError, match="a grid needs"):
        image_grid.image_grid(wrong, (0, 16))


def test_strip_puts_images_in_rows_and_times_in_columns():
    # The level tells frame and image apart: 10 * frame + image.
    frames = np.zeros((3, 2, 1, 8, 8), np.uint8)
    for frame in range(3):
        for image in range(2):
            frames[frame, image] = 10 * frame + image
    figure = image_grid.denoising_strip(frames, [1.0, 0.5, 0.0], (0, 255))
    drawn = np.asarray(style.rgb(figure))[..., 0]
    tile = 48 + 4
    for frame in range(3):
        for image in range(2):
            y, x = 16 + 20 + image * tile + 24, 16 + frame * tile + 24
            assert drawn[y, x] == 10 * frame + image
    assert [text.get_text() for text in figure.texts] == ["t = 1.00", "0.50", "0.00"]


def test_real_beside_generated_shows_equally_many_of_each_pixel_for_pixel():
    real, generated = digits(9), 16 - digits(5)
    figure = image_grid.real_and_generated(real, generated, (0, 16), columns=5)
    drawn = Image.fromarray(np.asarray(style.rgb(figure)))
    for left, part in ((16, real), (16 + 256 + 16, generated)):
        grid = image_grid.image_grid(part[:5], (0, 16), 5)
        box = (left, 40, left + grid.width, 40 + grid.height)
        assert grid.width == 256
        assert (np.asarray(drawn.crop(box).convert("L")) == np.asarray(grid)).all()
    assert [text.get_text() for text in figure.texts] == ["real", "generated"]
