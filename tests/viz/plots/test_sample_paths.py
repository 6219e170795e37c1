from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz import style
from snowmelt.viz.plots import path_strands, sample_paths
from snowmelt.viz.style import BLUE, VERMILLION

TIMES = np.linspace(1.0, 0.0, 6)
OVER_TIME = Raster(np.random.default_rng(1).random((1, 8, 10)), (0.0, 1.0, -9.0, 9.0))
IN_PLANE = Raster(np.random.default_rng(2).random((1, 4, 4)), (-9.0, 9.0, -6.0, 6.0))


@pytest.fixture
def walk() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((6, 7, 2)).cumsum(0)


def marks(axes) -> list[PathCollection]:
    return [one for one in axes.collections if isinstance(one, PathCollection)]


def offsets(collection) -> np.ndarray:
    return np.ma.filled(collection.get_offsets(), np.nan)


def test_a_coordinate_over_time_runs_as_it_happened(walk):
    for times in (TIMES, TIMES[::-1]):
        (axes,) = sample_paths.paths_in_time(times, walk[:, :, 0], title="here").axes
        assert axes.get_xlim() == (times[0], times[-1])
        assert len(axes.lines) == 7
        for line, path in zip(axes.lines, walk[:, :, 0].T, strict=True):
            assert np.allclose(line.get_xdata(), times)
            assert np.allclose(line.get_ydata(), path)
        assert axes.get_title("left") == "here"


def test_starts_are_vermillion_and_ends_blue(walk):
    raster = OVER_TIME
    axes = sample_paths.paths_in_time(TIMES, walk[:, :, 0], raster=raster).axes[1]
    places = [np.column_stack([np.full(7, TIMES[k]), walk[k, :, 0]]) for k in (0, -1)]
    drawn = sample_paths.paths_in_plane(walk, raster=IN_PLANE).axes[0]
    for panel, expected in ((axes, places), (drawn, [walk[0], walk[-1]])):
        for found, where, color in zip(
            marks(panel), expected, (VERMILLION, BLUE), strict=True
        ):
            assert np.allclose(offsets(found), where)
            assert np.allclose(found.get_facecolor()[0], to_rgba(color))
        corners = [len(one.get_paths()[0].vertices) for one in marks(panel)]
        assert corners[0] < 6 < corners[1], "squares and dots, for a gray print"


def test_the_density_over_time_has_one_peak_a_time_and_stands_at_both_ends(walk):
    left, main, right = sample_paths.paths_in_time(
        TIMES, walk[:, :, 0], raster=OVER_TIME
    ).axes
    shares = OVER_TIME.values[0] / OVER_TIME.values[0].max(axis=0)
    assert np.allclose(main.images[0].get_array(), np.sqrt(shares))
    assert main.get_aspect() == "auto"
    assert main.get_ylim() == (-9.0, 9.0)
    for axes, column in ((left, -1), (right, 0)):  # t falls: its 1 is on the left
        (line,) = axes.lines
        assert np.allclose(line.get_xdata(), OVER_TIME.values[0, :, column])
        assert line.get_ydata()[0] == pytest.approx(-9 + 18 / 16)
    assert left.get_xlim()[0] > left.get_xlim()[1], "both grow outwards"
    assert right.get_xlim()[0] < right.get_xlim()[1]


def test_several_over_time_have_one_scale(walk):
    panels = {"one": (TIMES, walk[:, :, 0]), "two": (TIMES[:3], 5 * walk[:3, :, 0])}
    one, two = sample_paths.paths_in_time_beside(panels).axes
    assert one.get_ylim() == two.get_ylim()
    assert one.get_ylim()[1] > 5 * walk[:3, :, 0].max() * 0.99
    assert [axes.get_title("left") for axes in (one, two)] == ["one", "two"]


def test_paths_in_the_plane_get_more_solid(walk):
    axes = sample_paths.paths_in_plane(walk, raster=IN_PLANE, title="here").axes[0]
    (lines,) = (one for one in axes.collections if isinstance(one, LineCollection))
    pieces = np.array(lines.get_segments()).reshape(5, 7, 2, 2)
    assert np.allclose(pieces[:, :, 0], walk[:-1])
    assert np.allclose(pieces[:, :, 1], walk[1:])
    alphas = lines.get_colors()[:, 3].reshape(5, 7)
    assert (np.diff(alphas, axis=0) > 0).all()
    assert (alphas == alphas[:, :1]).all()
    assert np.allclose(
        axes.images[0].get_array() ** 2 * IN_PLANE.values.max(), IN_PLANE.values[0]
    )
    assert (*axes.get_xlim(), *axes.get_ylim()) == IN_PLANE.extent
    assert axes.get_aspect() == 1


def test_several_in_the_plane_have_one_scale_and_a_key(walk):
    figure = sample_paths.paths_in_plane_beside({"one": walk, "two": 2 * walk})
    one, two = figure.axes
    assert one.get_xlim() == two.get_xlim()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["start", "end"]


def test_of_many_points_a_few_are_followed():
    many = np.zeros((2, 500, 2)) + np.arange(500)[None, :, None]
    assert len(sample_paths.paths_in_time([0.0, 1.0], many[..., 0]).axes[0].lines) == (
        path_strands.MOST_IN_TIME
    )
    starts = marks(sample_paths.paths_in_plane(many).axes[0])[0]
    assert len(offsets(starts)) == path_strands.MOST_IN_PLANE


def test_a_path_that_went_wild_is_drawn_as_far_as_it_goes(walk):
    walk[3] *= 1e12
    walk[4] = np.inf
    walk[5] = np.nan
    for raster in (None, OVER_TIME):
        figure = sample_paths.paths_in_time(TIMES, walk[:, :, 0], raster=raster)
        line = figure.axes[0 if raster is None else 1].lines[0]
        assert np.isfinite(line.get_ydata()[:3]).all()
        assert len(style.png_bytes(figure)) > 1000
    for raster in (None, IN_PLANE):
        figure = sample_paths.paths_in_plane(walk, raster=raster)
        assert len(style.png_bytes(figure)) > 1000


@pytest.mark.parametrize("shape", [(1, 3, 2), (4, 0, 2), (4, 3, 1), (4, 3, 5)])
def test_any_number_of_points_and_coordinates(shape):
    states = np.random.default_rng(0).standard_normal(shape)
    assert len(style.png_bytes(sample_paths.paths_in_plane(states))) > 500
    times = np.linspace(0, 1, shape[0])
    assert len(style.png_bytes(sample_paths.paths_in_time(times, states[..., 0]))) > 500


def test_the_same_paths_give_the_same_bytes(walk):
    for draw in (
        lambda: sample_paths.paths_in_time(TIMES, walk[:, :, 0], raster=OVER_TIME),
        lambda: sample_paths.paths_in_plane(walk, raster=IN_PLANE),
    ):
        assert style.png_bytes(draw()) == style.png_bytes(draw())


def test_shapes_that_do_not_fit_are_refused(walk):
    with pytest.raises(ValueError, match=r"\(6, 7\) and \(5,\)"):
        sample_paths.paths_in_time(TIMES[1:], walk[:, :, 0])
    with pytest.raises(ValueError, match=r"\(6, 7, 2\) and \(6,\)"):
        sample_paths.paths_in_time(TIMES, walk)
    with pytest.raises(ValueError, match=r"\(K, N, D\), got the shape \(6, 7\)"):
        sample_paths.paths_in_plane(walk[:, :, 0])
    for nothing in (sample_paths.paths_in_time_beside, sample_paths.paths_in_plane_beside):
        with pytest.raises(ValueError, match="at least one panel, got none"):
            nothing({})
    moving = Raster(np.ones((3, 2, 2)), (0, 1, 0, 1))
    with pytest.raises(ValueError, match=r"behind 1 moments.*\(3, 2, 2\)"):
        sample_paths.paths_in_plane(walk, raster=moving)
    with pytest.raises(ValueError, match=r"\(3, 2, 2\)"):
        sample_paths.paths_in_time(TIMES, walk[:, :, 0], raster=moving)
