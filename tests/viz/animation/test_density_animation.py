from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.animation.density_animation import density_animation


@pytest.fixture
def raster() -> Raster:
    values = np.random.default_rng(0).random((3, 5, 10))
    return Raster(values, (-2.0, 2.0, -1.0, 1.0))


def test_a_film_shows_all_moments_and_is_always_the_same(tmp_path, raster):
    path = tmp_path / "film.gif"
    density_animation(path, raster, [1.0, 0.5, 0.0], seconds=0.6)
    with Image.open(path) as film:
        assert film.n_frames == 3
        shown = []
        for index in range(3):
            film.seek(index)
            shown.append(np.asarray(film.convert("RGB"), dtype=int))
    height = shown[0].shape[0]
    panel = slice(height // 4, height // 2)
    assert (shown[0][panel] != shown[1][panel]).any()
    assert (shown[1][panel] != shown[2][panel]).any()
    first = path.read_bytes()
    density_animation(path, raster, [1.0, 0.5, 0.0], seconds=0.6)
    assert path.read_bytes() == first
    with pytest.raises(ValueError, match=r"\(2,\) for values of the shape \(3, 5, 10\)"):
        density_animation(path, raster, [1.0, 0.0])


def test_the_peak_is_where_it_was_given(tmp_path):
    values = np.zeros((1, 10, 10))
    values[0, 8, 1] = 1.0  # high up on the left
    path = tmp_path / "film.gif"
    density_animation(path, Raster(values, (0.0, 1.0, 0.0, 1.0)), [0.0])
    with Image.open(path) as film:
        gray = np.asarray(film.convert("L"), dtype=int)
    panel = gray[15:-40, 16:-16]
    row, column = np.unravel_index(panel.argmin(), panel.shape)
    assert row / panel.shape[0] == pytest.approx(0.15, abs=0.07)
    assert column / panel.shape[1] == pytest.approx(0.15, abs=0.07)
