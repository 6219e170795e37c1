from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgba

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.plots.round_trip import View, round_trip
from snowmelt.viz.style import BLUE, VERMILLION

EXTENT = (-1.0, 1.0, -1.0, 1.0)


def test_each_panel_shows_what_it_was_given():
    points = np.array([[0.1, 0.2], [-0.5, 0.5], [7.0, 0.0]])
    raster = Raster(np.arange(16.0).reshape(1, 4, 4), EXTENT)
    views = [
        View("there", points, is_given=True),
        View("density", raster=raster),
        View("drawn", points, raster),
    ]
    figure = round_trip(views, EXTENT)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["there", "density", "drawn"]
    given, density, drawn = figure.axes
    assert (len(given.images), len(density.images), len(drawn.images)) == (0, 1, 1)
    assert len(density.collections) == 0
    dots = np.asarray(drawn.collections[0].get_offsets())
    assert np.allclose(dots[:2], points[:2])
    assert np.isnan(dots[2]).all(), "one is outside"
    for axes, color in ((given, VERMILLION), (drawn, BLUE)):
        assert np.allclose(axes.collections[0].get_facecolor()[0][:3], to_rgba(color)[:3])
        assert axes.get_xlim() == (-1.0, 1.0)
    assert density.images[0].get_cmap() != drawn.images[0].get_cmap(), "pale below points"
