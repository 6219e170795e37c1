from __future__ import annotations

import numpy as np
import pytest
from matplotlib.quiver import Quiver

from snowmelt.evaluation.plane.plane_arrays import Raster, VectorField
from snowmelt.viz.plots.score_levels import score_levels

EXTENT = (-1.0, 1.0, -1.0, 1.0)
POINTS = np.array([[x, y] for x in (-0.5, 0.5) for y in (-0.5, 0.5)])


def arrows(axes) -> np.ndarray:
    (quiver,) = (item for item in axes.collections if isinstance(item, Quiver))
    return np.stack([quiver.U, quiver.V], 1)


def test_each_level_has_its_density_and_a_scale_of_its_own():
    levels = [VectorField(POINTS, size * -POINTS) for size in (1.0, 50.0)]
    raster = Raster(np.random.default_rng(0).random((2, 6, 6)), EXTENT)
    figure = score_levels(levels, raster, ["near", "far"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["near", "far"]
    near, far = (arrows(axes) for axes in figure.axes)
    assert np.allclose(near, far)
    assert (np.sign(near) == -np.sign(POINTS)).all(), "towards the middle"
    shades = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert not np.allclose(*shades)


def test_numbers_that_do_not_fit_are_refused():
    field, raster = VectorField(POINTS, POINTS), Raster(np.ones((2, 3, 3)), EXTENT)
    with pytest.raises(ValueError, match="1 levels, 2 moments"):
        score_levels([field], raster, ["one"])
    with pytest.raises(ValueError, match="1 titles"):
        score_levels([field, field], raster, ["one"])
