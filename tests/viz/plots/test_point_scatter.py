from __future__ import annotations

import numpy as np
import pytest

from snowmelt.viz import style
from snowmelt.viz.plots import point_scatter


@pytest.fixture
def cloud() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((300, 2)).astype(np.float32)


def offsets(figure, axes: int = 0, collection: int = 0) -> np.ndarray:
    return np.asarray(figure.axes[axes].collections[collection].get_offsets())


def test_scatter_draws_every_point_where_it_is(cloud):
    figure = point_scatter.scatter(cloud, cloud + 1)
    assert np.allclose(offsets(figure, 0, 0), cloud + 1), "the reference lies below"
    assert np.allclose(offsets(figure, 0, 1), cloud)
    axes = figure.axes[0]
    assert axes.get_aspect() == 1
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["real", "generated"]


def test_more_than_two_coordinates_are_noted(cloud):
    figure = point_scatter.scatter(np.hstack([cloud, cloud, cloud]))
    assert np.allclose(offsets(figure), cloud)
    assert figure.axes[0].get_xlabel() == "coordinate 1 of 6"


def test_points_on_a_line_become_a_band(cloud):
    figure = point_scatter.scatter(cloud[:, :1])
    drawn = offsets(figure)
    assert np.allclose(drawn[:, 0], cloud[:, 0])
    assert np.abs(drawn[:, 1]).max() <= 0.5
    assert "no meaning" in figure.axes[0].get_ylabel()


def test_thinning_is_even_and_keeps_small_clouds():
    many = np.arange(2 * point_scatter.MOST_POINTS)[:, None]
    thin = point_scatter.thinned(many)
    assert len(thin) == point_scatter.MOST_POINTS
    assert set(np.diff(thin[:, 0])) <= {2, 3}
    assert point_scatter.thinned(many[:10]) is not many
    assert (point_scatter.thinned(many[:10]) == many[:10]).all()


def test_panels_share_their_scale(cloud):
    figure = point_scatter.clouds_beside([cloud, 0.1 * cloud], ["real", "generated"])
    one, two = figure.axes
    assert one.get_xlim() == two.get_xlim()
    assert one.get_ylim() == two.get_ylim()


def test_axes_say_what_they_show(cloud):
    named = point_scatter.clouds_beside(
        [cloud, cloud], ["a", "b"], labels=["row 1", "row 2"]
    )
    plain = point_scatter.clouds_beside([cloud], ["a"])
    assert {axes.get_xlabel() for axes in named.axes} == {"row 1"}
    assert {axes.get_ylabel() for axes in named.axes} == {"row 2"}
    assert plain.axes[0].get_xlabel() == "coordinate 1"


def test_axes_follow_the_data_and_not_an_exploding_start(cloud):
    start = 100 * cloud
    x, _, radius = point_scatter.limits([cloud], [start, cloud])
    reach = np.abs(cloud).max()
    assert reach < radius < 2.5 * reach
    assert abs(x) < 1


def test_points_that_are_not_numbers_do_not_break_the_axes(cloud):
    cloud[0] = np.nan
    assert all(np.isfinite(point_scatter.limits([cloud], [cloud])))
    assert point_scatter.limits([cloud[:1]], [cloud[:1]]) == (0.0, 0.0, 1.0)


def test_same_points_give_the_same_bytes(cloud):
    assert style.png_bytes(point_scatter.scatter(cloud)) == style.png_bytes(
        point_scatter.scatter(cloud)
    )
