from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from snowmelt.figures import points, style


@pytest.fixture
def cloud() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((300, 2)).astype(np.float32)


def offsets(figure, axes: int = 0, collection: int = 0) -> np.ndarray:
    return np.asarray(figure.axes[axes].collections[collection].get_offsets())


def test_scatter_draws_every_point_where_it_is(cloud):
    figure = points.scatter(cloud, cloud + 1)
    assert np.allclose(offsets(figure, 0, 0), cloud + 1), "the reference lies below"
    assert np.allclose(offsets(figure, 0, 1), cloud)
    axes = figure.axes[0]
    assert axes.get_aspect() == 1
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["real", "generated"]


def test_more_than_two_coordinates_are_noted(cloud):
    figure = points.scatter(np.hstack([cloud, cloud, cloud]))
    assert np.allclose(offsets(figure), cloud)
    assert figure.axes[0].get_xlabel() == "coordinate 1 of 6"


def test_points_on_a_line_become_a_band(cloud):
    figure = points.scatter(cloud[:, :1])
    drawn = offsets(figure)
    assert np.allclose(drawn[:, 0], cloud[:, 0])
    assert np.abs(drawn[:, 1]).max() <= 0.5
    assert "no meaning" in figure.axes[0].get_ylabel()


def test_thinning_is_even_and_keeps_small_clouds():
    many = np.arange(2 * points.MOST_POINTS)[:, None]
    thin = points.thinned(many)
    assert len(thin) == points.MOST_POINTS
    assert set(np.diff(thin[:, 0])) <= {2, 3}
    assert points.thinned(many[:10]) is not many
    assert (points.thinned(many[:10]) == many[:10]).all()


def test_panels_share_their_scale(cloud):
    figure = points.clouds_beside([cloud, 0.1 * cloud], ["real", "generated"])
    one, two = figure.axes
    assert one.get_xlim() == two.get_xlim()
    assert one.get_ylim() == two.get_ylim()


def test_axes_follow_the_data_and_not_an_exploding_start(cloud):
    start = 100 * cloud
    x, _, radius = points._limits([cloud], [start, cloud])
    reach = np.abs(cloud).max()
    assert reach < radius < 2.5 * reach
    assert abs(x) < 1


def test_points_that_are_not_numbers_do_not_break_the_axes(cloud):
    cloud[0] = np.nan
    assert all(np.isfinite(points._limits([cloud], [cloud])))
    assert points._limits([cloud[:1]], [cloud[:1]]) == (0.0, 0.0, 1.0)


def test_film_shows_every_frame_at_fixed_axes_with_white_paper(tmp_path, cloud):
    times = np.linspace(1, 0, 5)
    frames = np.stack([cloud * (1 - 0.1 * k) for k in range(5)])
    path = tmp_path / "film.gif"
    points.trajectory_film(path, frames, times, cloud, seconds=1.0)
    with Image.open(path) as film:
        assert film.n_frames == 5
        assert film.info["loop"] == 0
        durations = []
        pictures = []
        for index in range(5):
            film.seek(index)
            durations.append(film.info["duration"])
            pictures.append(np.asarray(film.convert("RGB")))
    assert durations == [200, 200, 200, 200, 1500]
    assert (pictures[0][0, 0] == 255).all()
    below_the_clock = slice(80, None)
    assert (pictures[0][below_the_clock] != pictures[-1][below_the_clock]).any()
    first = path.read_bytes()
    points.trajectory_film(path, frames, times, cloud, seconds=1.0)
    assert path.read_bytes() == first


def test_axes_of_a_film_never_move(tmp_path, cloud):
    path = tmp_path / "film.gif"
    points.trajectory_film(path, np.stack([cloud] * 3), [1.0, 0.51, 0.0])
    with Image.open(path) as film:
        stills = []
        for index in range(film.n_frames):
            film.seek(index)
            stills.append(np.asarray(film.convert("RGB"))[80:])
    assert all((still == stills[0]).all() for still in stills)


def test_strip_takes_first_and_last_moment(cloud):
    frames = np.stack([cloud + k for k in range(11)])
    figure = points.trajectory_strip(frames, np.linspace(1, 0, 11), columns=3)
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["t = 1.00", "t = 0.50", "t = 0.00"]
    assert np.allclose(offsets(figure, 1), cloud + 5)


def test_same_points_give_the_same_bytes(cloud):
    assert style.png_bytes(points.scatter(cloud)) == style.png_bytes(points.scatter(cloud))
