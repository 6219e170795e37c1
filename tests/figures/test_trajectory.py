from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from snowmelt.data import prepared
from snowmelt.dependencies import code_of
from snowmelt.figures import films, style
from snowmelt.figures.density import Raster
from snowmelt.figures.trajectory import save_trajectory

TIMES = [1.0, 0.5, 0.0]


def test_images_leave_a_strip(tmp_path):
    stored = np.random.default_rng(0).integers(0, 17, (12, 1, 8, 8)).astype(np.uint8)
    data = tmp_path / "data"
    manifest = prepared.write(data, examples=stored, name="x", value_range=(0, 16))
    out = tmp_path / "out"
    out.mkdir()
    save_trajectory(out, np.stack([stored] * 3), TIMES, manifest)
    assert [path.name for path in out.iterdir()] == ["trajectory.png"]


@pytest.mark.parametrize("behind", [False, True])
def test_points_leave_a_film_and_a_strip(tmp_path, behind):
    stored = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
    manifest = prepared.write(tmp_path / "data", examples=stored, name="x")
    out = tmp_path / "out"
    out.mkdir()
    frames = np.stack([3 * stored, 2 * stored, stored])
    raster = Raster(np.ones((1, 2, 2)), (-4.0, 4.0, -4.0, 4.0)) if behind else None
    save_trajectory(out, frames, TIMES, manifest, background=raster, reference=stored + 0.1)
    assert {path.name for path in out.iterdir()} == {"trajectory.gif", "trajectory.png"}
    strip = films.cloud_strip(frames, TIMES, background=raster, reference=stored + 0.1)
    assert (out / "trajectory.png").read_bytes() == style.png_bytes(strip)
    with Image.open(out / "trajectory.gif") as film:
        assert film.n_frames == 3


@pytest.mark.parametrize("stage", ["prepare", "train"])
def test_training_does_not_depend_on_films(stage):
    names = {path.name for path in code_of(stage) if path.parent.name == "figures"}
    assert "points.py" in names
    assert not names & {"films.py", "reel.py", "gif.py", "trajectory.py", "density.py"}
