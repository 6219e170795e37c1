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


def patterns(side: int, count: int = 64, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(side)
    return rng.integers(0, 256, (count, channels, side, side)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("side", "pixels"),
    [(8, 64), (16, 96), (28, 84), (32, 96), (48, 96), (64, 128), (96, 96), (200, 200)],
)
def test_an_image_is_seen_at_a_size_that_a_person_can_see(
    side: int, pixels: int, channels: int
):
    images = patterns(side, 1, channels)
    tile = np.asarray(image_grid.image_grid(images, (0, 255)))
    assert tile.shape[:2] == (pixels, pixels)
    scale = image_grid.enlargement(images)
    assert pixels == scale * side
    exact = np.moveaxis(images[0], 0, -1).repeat(scale, 0).repeat(scale, 1)
    assert (tile.reshape(exact.shape) == exact).all()


@pytest.mark.parametrize("side", [4, 8, 28, 32, 64, 200, 400])
def test_a_grid_is_no_wider_than_the_page(side: int):
    images = patterns(side, 500, 1)
    grid = image_grid.image_grid(images, (0, 255))
    assert grid.width <= image_grid.PAGE_PIXELS
    for width in (image_grid.PAGE_PIXELS, image_grid.HALF_PIXELS):
        columns = image_grid.columns_within(width, images)
        assert image_grid.image_grid(images, (0, 255), columns).width <= width
        assert image_grid.image_grid(images, (0, 255), columns + 1).width > width


def test_one_image_that_is_wider_than_the_row_has_it_alone():
    images = patterns(1200, 2, 1)
    assert image_grid.columns_within(image_grid.PAGE_PIXELS, images) == 1
    assert image_grid.image_grid(images, (0, 255)).width == 1200


def test_only_what_is_too_wide_is_made_smaller():
    picture = Image.fromarray(patterns(100, 1)[0, 0])
    assert image_grid.no_wider(picture, 100) is picture
    assert image_grid.no_wider(picture, 50).size == (50, 50)


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
    tile = 64 + 5
    for frame in range(3):
        for image in range(2):
            y, x = 16 + 20 + image * tile + 32, 16 + frame * tile + 32
            assert drawn[y, x] == 10 * frame + image
    assert [text.get_text() for text in figure.texts] == ["t = 1.00", "0.50", "0.00"]


@pytest.mark.parametrize(("side", "moments"), [(8, 12), (32, 9), (64, 7), (256, 6)])
def test_a_strip_has_as_many_moments_as_fit_the_page(side: int, moments: int):
    frames = np.stack([patterns(side, 8, 1)] * 12)
    times = np.linspace(1, 0, 12)
    figure = image_grid.denoising_strip(frames, times, (0, 255))
    drawn = style.rgb(figure)
    assert drawn.width <= image_grid.PAGE_PIXELS
    assert drawn.height <= 1100
    said = [text.get_text() for text in figure.texts]
    assert len(said) == moments
    assert (said[0], said[-1]) == ("t = 1.00", "0.00")


def test_the_moments_of_a_short_strip_are_those_of_a_long_one():
    levels = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1, 1)
    frames = np.broadcast_to(levels, (12, 1, 1, 64, 64))
    figure = image_grid.denoising_strip(frames, levels.ravel() / 11.0, (0, 255))
    drawn = np.asarray(style.rgb(figure))[16 + 20 + 64, 16 + 64 :: 128 + 8, 0]
    assert drawn[:7].tolist() == [0, 2, 4, 6, 7, 9, 11]
    said = [float(text.get_text().removeprefix("t = ")) for text in figure.texts]
    assert said == pytest.approx(drawn[:7] / 11, abs=0.005)


def test_real_beside_generated_shows_equally_many_of_each_pixel_for_pixel():
    real, generated = digits(9), 16 - digits(5)
    figure = image_grid.real_and_generated(real, generated, (0, 16), columns=5)
    drawn = Image.fromarray(np.asarray(style.rgb(figure)))
    for left, part in ((16, real), (16 + 340 + 16, generated)):
        grid = image_grid.image_grid(part[:5], (0, 16), 5)
        box = (left, 40, left + grid.width, 40 + grid.height)
        assert grid.width == 340
        assert (np.asarray(drawn.crop(box).convert("L")) == np.asarray(grid)).all()
    assert [text.get_text() for text in figure.texts] == ["real", "generated"]
