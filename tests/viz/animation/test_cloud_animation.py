from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from PIL import Image

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz import style
from snowmelt.viz.animation import canvas, cloud_animation
from snowmelt.viz.plots import density_plot
from snowmelt.viz.style import BLUE, VERMILLION

TIMES = np.linspace(1.0, 0.0, 5)
EXTENT = (-9.0, 9.0, -9.0, 9.0)


@pytest.fixture
def cloud() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((300, 2)).astype(np.float32)


@pytest.fixture
def frames(cloud) -> np.ndarray:
    return np.stack([cloud * (1 + 0.2 * k) for k in range(4, -1, -1)])


@pytest.fixture
def moving_raster() -> Raster:
    return Raster(np.random.default_rng(1).random((5, 4, 4)), EXTENT)


@pytest.fixture
def recorded(monkeypatch):
    """What the last film was made of, in place of a file."""
    found = {}

    def record(stage, path, moving, show, colors, seconds):
        found.update(stage=stage, moving=moving, show=show, colors=colors, seconds=seconds)

    monkeypatch.setattr(canvas.Canvas, "record", record)
    return found


def clouds_in(axes) -> list[PathCollection]:
    return [one for one in axes.collections if isinstance(one, PathCollection)]


def offsets(collection) -> np.ndarray:
    return np.ma.filled(collection.get_offsets(), np.nan)


def test_each_panel_shows_its_cloud_at_each_moment(recorded, frames):
    other = -frames
    cloud_animation.cloud_animation(
        "x", [frames, other], ["one", "two"], TIMES, seconds=2.5
    )
    panels = recorded["stage"].panels
    assert [axes.get_title("left") for axes in panels] == ["one", "two"]
    assert recorded["seconds"] == 2.5
    for index in (4, 0, 2):
        recorded["show"](index)
        for axes, cloud in zip(panels, (frames, other), strict=True):
            (dots,) = clouds_in(axes)
            assert dots in recorded["moving"]
            drawn = offsets(dots)
            seen = np.isfinite(drawn).all(1)
            assert seen.mean() > 0.9
            assert np.allclose(drawn[seen], cloud[index][seen])
            assert np.allclose(dots.get_facecolor()[0, :3], to_rgba(BLUE)[:3])
    assert panels[0].get_xlim() == panels[1].get_xlim()


def test_a_density_that_moves_moves_below_real_points_below_the_cloud(
    recorded, frames, cloud, moving_raster
):
    cloud_animation.cloud_animation(
        "x", [frames], [""], TIMES, background=moving_raster, reference=cloud
    )
    (axes,) = recorded["stage"].panels
    (image,) = axes.images
    real, dots = clouds_in(axes)
    order = [recorded["moving"].index(artist) for artist in (image, real, dots)]
    assert order == [0, 1, 2]
    recorded["show"](3)
    assert np.allclose(image.get_array(), density_plot.tones(moving_raster.values[3]))
    assert np.allclose(offsets(real), cloud)
    assert np.allclose(real.get_edgecolor()[0, :3], to_rgba(VERMILLION)[:3])
    assert (axes.get_xlim(), axes.get_ylim()) == (EXTENT[:2], EXTENT[2:])


def test_what_stands_is_drawn_once(recorded, frames, cloud, moving_raster):
    still = Raster(moving_raster.values[:1], EXTENT)
    cloud_animation.cloud_animation(
        "x", [frames], [""], TIMES, background=still, reference=cloud
    )
    (axes,) = recorded["stage"].panels
    assert axes.images[0] not in recorded["moving"]
    assert clouds_in(axes)[0] not in recorded["moving"]
    assert clouds_in(axes)[1] in recorded["moving"]


def test_each_panel_may_have_a_background_of_its_own(recorded, frames, moving_raster):
    pair = [moving_raster, None]
    cloud_animation.cloud_animation("x", [frames, frames], ["", ""], TIMES, background=pair)
    one, two = recorded["stage"].panels
    assert len(one.images) == 1
    assert not two.images
    assert one.get_xlim() == two.get_xlim() == EXTENT[:2]


def test_without_a_density_the_axes_follow_the_data_and_not_the_noise(recorded, frames):
    frames[0] *= 100
    for times, order in ((TIMES, 1), (TIMES[::-1], -1)):
        cloud_animation.cloud_animation("x", [frames[::order]], [""], times)
        reach = np.abs(frames[-1]).max()
        right = recorded["stage"].panels[0].get_xlim()[1]
        assert reach < right < 2.5 * reach


def test_more_points_than_a_film_affords_are_thinned_evenly(recorded):
    place = np.arange(8000.0) / 8000
    frames = np.stack([np.column_stack([place, place])] * 2)
    for panels, most in ((1, 3000), (3, 1250)):
        cloud_animation.cloud_animation("x", [frames] * panels, [""] * panels, [1.0, 0.0])
        (dots,) = clouds_in(recorded["stage"].panels[0])
        drawn = offsets(dots)[:, 0]
        assert len(drawn) == most
        assert set(np.round(8000 * np.diff(drawn)).astype(int)) <= {
            8000 // most,
            8000 // most + 1,
        }


def test_a_run_that_went_wild_is_still_drawn(tmp_path, frames):
    frames[2] *= 1e30
    frames[3] = np.inf
    frames[4] = np.nan
    path = tmp_path / "film.gif"
    cloud_animation.cloud_animation(path, [frames], [""], TIMES)
    with Image.open(path) as film:
        assert film.n_frames == 5
    figure = cloud_animation.cloud_strip(frames, TIMES, columns=5)
    notes = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert "100% outside" in notes[4]
    assert "100% outside" not in notes[0]
    assert len(style.png_bytes(figure)) > 1000


@pytest.mark.parametrize(("points", "dimension"), [(0, 2), (1, 2), (30, 1), (30, 5)])
def test_any_number_of_points_and_coordinates(tmp_path, points, dimension):
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((2, points, dimension))
    cloud_animation.cloud_animation(tmp_path / "film.gif", [frames], [""], [1.0, 0.0])
    figure = cloud_animation.cloud_strip(frames, [1.0, 0.0])
    assert len(style.png_bytes(figure)) > 500
    words = {text.get_text() for text in figure.axes[0].texts}
    assert any(f"of {dimension}" in text for text in words) == (dimension > 2)
    assert any("no meaning" in text for text in words) == (dimension == 1)


def test_film_has_every_frame_and_the_same_bytes_each_time(tmp_path, frames, cloud):
    path = tmp_path / "film.gif"
    cloud_animation.cloud_animation(
        path, [frames], ["title"], TIMES, reference=cloud, seconds=1.0
    )
    with Image.open(path) as film:
        assert film.n_frames == 5
        durations = []
        for index in range(5):
            film.seek(index)
            durations.append(film.info["duration"])
        picture = np.asarray(film.convert("RGB"))
    assert durations == [200, 200, 200, 200, 1500]
    assert (picture[0, 0] == 255).all(), "paper is white"
    first = path.read_bytes()
    cloud_animation.cloud_animation(
        path, [frames], ["title"], TIMES, reference=cloud, seconds=1.0
    )
    assert path.read_bytes() == first


def test_a_film_of_sixty_frames_is_small(tmp_path):
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((60, 4000, 2))  # nothing stays where it was
    times = np.linspace(1, 0, 60)
    place = np.linspace(-3, 3, 60)
    width = (0.5 + times)[:, None, None]
    square = place[:, None] ** 2 + place**2
    raster = Raster(np.exp(-square / width), (-3.0, 3.0, -3.0, 3.0))
    path = tmp_path / "film.gif"
    cloud_animation.cloud_animation(path, [frames], [""], times, background=raster)
    assert 300_000 < path.stat().st_size < 1_200_000
    cloud_animation.cloud_animation(
        path, [frames] * 3, ["a", "b", "c"], times, background=raster
    )
    assert path.stat().st_size < 2_000_000


def test_strip_takes_first_and_last_moment(cloud, moving_raster):
    frames = np.stack([cloud + k for k in range(5)])
    figure = cloud_animation.cloud_strip(frames, TIMES, columns=3, background=moving_raster)
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["t = 1.00", "t = 0.50", "t = 0.00"]
    middle = figure.axes[1]
    assert np.allclose(offsets(clouds_in(middle)[0]), cloud + 2)
    expected = density_plot.tones(moving_raster.values[2])
    assert np.allclose(middle.images[0].get_array(), expected)
    again = cloud_animation.cloud_strip(frames, TIMES, columns=3, background=moving_raster)
    assert style.png_bytes(figure) == style.png_bytes(again)


def test_shapes_that_do_not_fit_are_refused(frames, moving_raster):
    def film(clouds=(frames,), titles=("",), times=TIMES, **more):
        cloud_animation.cloud_animation("x", clouds, titles, times, **more)

    with pytest.raises(ValueError, match="got 2 for 1 clouds"):
        film(titles=("a", "b"))
    with pytest.raises(ValueError, match="got 0 for 0 clouds"):
        film(clouds=(), titles=())
    with pytest.raises(ValueError, match=r"\(5, 300, 2\) and \(4,\)"):
        film(times=TIMES[1:])
    with pytest.raises(ValueError, match=r"\(300, 2\) and \(5,\)"):
        film(clouds=(frames[0],))
    with pytest.raises(ValueError, match=r"reference must be \(M, 2\).*\(7, 3\)"):
        film(reference=np.ones((7, 3)))
    with pytest.raises(ValueError, match="one background a cloud is needed, got 2"):
        film(background=[moving_raster, None])
    with pytest.raises(ValueError, match=r"behind 4 moments.*\(5, 4, 4\)"):
        film(clouds=(frames[1:],), times=TIMES[1:], background=moving_raster)
    with pytest.raises(ValueError, match="at least one moment"):
        film(clouds=(frames[:0],), times=[])
