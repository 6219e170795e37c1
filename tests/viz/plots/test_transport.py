from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.plots.transport import carried

EXTENT = (-2.0, 2.0, -1.0, 1.0)


def meshes(axes) -> list[np.ndarray]:
    found = [item for item in axes.collections if isinstance(item, QuadMesh)]
    return [np.asarray(mesh.get_array()) for mesh in found]


def test_two_pictures_their_difference_and_the_ways():
    first = Raster(np.array([[[0.5, 0.25], [0.25, 0.0]]]), EXTENT)
    second = Raster(np.array([[[0.0, 0.25], [0.5, 0.25]]]), EXTENT)
    paths = np.array([[[0.0, 0.0], [1.0, 0.5]], [[0.5, 0.0], [1.0, 0.9]]])
    figure = carried(first, second, {"by hand": paths[::-1], "by flow": paths})
    known, wanted, change, by_hand, ways = figure.axes
    assert (by_hand.get_title("left"), ways.get_title("left")) == ("by hand", "by flow")
    (turned,) = (item for item in by_hand.collections if isinstance(item, LineCollection))
    assert np.allclose(turned.get_segments()[0], paths[::-1, 0])
    assert np.allclose(meshes(known)[0] ** 2, first.values[0])
    assert np.allclose(meshes(wanted)[0] ** 2, second.values[0])
    shade = meshes(change)[0]
    assert np.allclose(np.sign(shade) * shade**2, [[-0.5, 0.0], [0.25, 0.25]])
    mesh = next(item for item in change.collections if isinstance(item, QuadMesh))
    assert mesh.get_clim()[0] == -mesh.get_clim()[1], "white is no change"
    (lines,) = (item for item in ways.collections if isinstance(item, LineCollection))
    assert np.allclose(lines.get_segments()[0], paths[:, 0])
    starts, ends = (np.asarray(dots.get_offsets()) for dots in ways.collections[1:])
    assert np.allclose(starts, paths[0])
    assert np.allclose(ends, paths[-1])
    assert known.get_xlim() == (-2.0, 2.0)
    assert known.get_ylim() == (-1.0, 1.0)


def test_pictures_of_different_cells_are_refused():
    first = Raster(np.ones((1, 2, 2)), EXTENT)
    with pytest.raises(ValueError, match="the same cells"):
        carried(first, Raster(np.ones((1, 3, 2)), EXTENT), {})
    other = Raster(np.ones((1, 2, 2)), (0.0, 1.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="the same cells"):
        carried(first, other, {})
