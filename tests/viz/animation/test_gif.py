from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from snowmelt.viz.animation import gif
from snowmelt.viz.plots.density_plot import PALE_TONES
from snowmelt.viz.style import BLUE, INK, VERMILLION

COLORS = np.array([[255, 255, 255], [0, 114, 178], [213, 94, 0], [31, 36, 48]], np.uint8)


def as_bytes(color) -> tuple[int, ...]:
    return tuple(np.round(255 * np.array(to_rgb(color))).astype(int).tolist())


def test_the_palette_holds_tones_inks_and_what_lies_between():
    colors = {tuple(color) for color in gif.palette(PALE_TONES, [BLUE]).tolist()}
    for tone in PALE_TONES:
        assert as_bytes(tone) in colors
        one_dot = 0.7 * np.array(to_rgb(BLUE)) + 0.3 * np.array(to_rgb(tone))
        assert np.abs(np.array([*colors]) - 255 * one_dot).max(1).min() <= 0.5 + 1e-6
    assert {(255, 255, 255), as_bytes(BLUE), as_bytes(INK)} <= colors
    assert as_bytes(VERMILLION) not in colors


def test_a_palette_of_too_many_colours_is_refused():
    many = [(share, share, share) for share in np.linspace(0, 1, 100)]
    with pytest.raises(ValueError, match=r"256 colours, got .* of 100 tones and 2 inks"):
        gif.palette(many, [BLUE, VERMILLION])


def test_each_pixel_becomes_the_nearest_colour():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    found = gif.numbered(picture, COLORS)
    away = np.linalg.norm(picture[:, :, None].astype(float) - COLORS, axis=-1)
    chosen = np.take_along_axis(away, found[..., None].astype(int), -1)[..., 0]
    assert (chosen <= away.min(-1) + 6).all(), "up to the grain of the lookup"
    exact = gif.numbered(COLORS[None], COLORS)
    assert exact.tolist() == [[0, 1, 2, 3]]


def test_frames_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 4, (17, 23)).astype(np.uint8) for _ in range(3)]
    path = tmp_path / "film.gif"
    gif.write_gif(path, frames, COLORS, seconds=0.9)
    with Image.open(path) as film:
        assert film.n_frames == 3
        assert film.info["loop"] == 0
        durations = []
        for index, frame in enumerate(frames):
            film.seek(index)
            durations.append(film.info["duration"])
            assert (np.asarray(film.convert("RGB")) == COLORS[frame]).all()
    assert durations == [300, 300, gif.HOLD]
    first = path.read_bytes()
    gif.write_gif(path, frames, COLORS, seconds=0.9)
    assert path.read_bytes() == first


def test_no_frame_is_shorter_than_viewers_can_show(tmp_path):
    frames = [np.full((4, 4), number, np.uint8) for number in (0, 1, 2)]
    gif.write_gif(tmp_path / "film.gif", frames, COLORS, seconds=0.001)
    with Image.open(tmp_path / "film.gif") as film:
        assert film.info["duration"] == 20
