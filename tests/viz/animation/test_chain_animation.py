from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.animation import canvas, chain_animation

RASTER = Raster(np.random.default_rng(1).random((1, 6, 8)), (-9.0, 9.0, -6.0, 6.0))


@pytest.fixture
def states() -> np.ndarray:
    steps = np.random.default_rng(0).standard_normal((40, 5, 2))
    return np.clip(0.5 * steps.cumsum(0), -5.9, 5.9)


def offsets(collection) -> np.ndarray:
    return np.ma.filled(collection.get_offsets(), np.nan)


def test_a_film_shows_what_was_visited_so_far(monkeypatch, states):
    found = {}

    def record(stage, path, moving, show, colors, seconds):
        found.update(stage=stage, moving=moving, show=show)

    monkeypatch.setattr(canvas.Canvas, "record", record)
    chain_animation.chain_animation("x", {"one": states, "two": -states}, raster=RASTER)
    assert found["stage"].times.tolist() == list(range(1, 41))
    assert found["stage"].clock(7.0) == "step 7"
    found["show"](30)
    for axes, path in zip(found["stage"].panels, (states, -states), strict=True):
        dots = axes.collections[0]
        assert np.allclose(offsets(dots), path[:31].reshape(-1, 2))
        tail, head = axes.lines
        assert np.allclose(np.column_stack(tail.get_data()), path[5:31, 0])
        assert np.allclose(np.column_stack(head.get_data()), path[30:31, 0])
        assert {dots, tail, head} <= set(found["moving"])


def test_a_film_has_a_bounded_number_of_frames_and_the_same_bytes(tmp_path):
    rng = np.random.default_rng(0)
    many = 0.1 * rng.standard_normal((300, 2, 2)).cumsum(0)
    path = tmp_path / "film.gif"
    chain_animation.chain_animation(path, {"one": many}, seconds=1.6)
    with Image.open(path) as film:
        assert film.n_frames == chain_animation.FRAMES
        assert film.info["duration"] == 20
    first = path.read_bytes()
    chain_animation.chain_animation(path, {"one": many}, seconds=1.6)
    assert path.read_bytes() == first
