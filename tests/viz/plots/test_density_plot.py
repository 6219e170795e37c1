from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz import style
from snowmelt.viz.plots import density_plot
from snowmelt.viz.plots.density_plot import DEEP_TONES, PALE_TONES

EXTENT = (-2.0, 2.0, -1.0, 1.0)


def lightness(color) -> float:
    """L* of a colour, what a gray print shows of it, from 0 to 100."""
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in to_rgb(color)
    )
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 116 * np.cbrt(luminance) - 16


@pytest.fixture
def raster() -> Raster:
    return Raster(np.random.default_rng(0).random((3, 5, 10)), EXTENT)


@pytest.mark.parametrize("tones", [DEEP_TONES, PALE_TONES])
def test_tones_get_darker_all_the_way_in_a_gray_print(tones):
    levels = [lightness(tone) for tone in tones]
    assert levels[0] == pytest.approx(100, abs=0.1), "no density is paper"
    assert max(np.diff(levels)) < -1.5


def test_points_stand_out_from_the_darkest_tone_below_them():
    ground = min(lightness(tone) for tone in PALE_TONES)
    for color in (style.BLUE, style.VERMILLION, style.INK):
        assert ground - lightness(color) > 20


def test_tone_is_the_root_of_the_share_of_the_peak():
    values = np.array([[0.0, 1.0], [4.0, 16.0]])
    assert np.allclose(density_plot.tones(values), [[0.0, 0.25], [0.5, 1.0]])
    assert np.allclose(density_plot.tones(1e-12 * values), density_plot.tones(values))


def test_tones_of_values_that_are_no_density():
    values = np.array([[np.nan, np.inf], [-1.0, 2.0]])
    assert np.allclose(density_plot.tones(values), [[0.0, 1.0], [0.0, 1.0]])
    for nothing in (np.zeros((2, 2)), np.full((2, 2), np.nan)):
        assert (density_plot.tones(nothing) == 0).all()


def test_a_density_is_drawn_where_it_is_and_leaves_the_axes(raster):
    axes = Figure().subplots()
    axes.set(xlim=(-9, 9), ylim=(-8, 8))
    image = density_plot.draw_density(axes, raster.at(1), raster.extent)
    assert np.allclose(image.get_array(), density_plot.tones(raster.values[1]))
    assert tuple(image.get_extent()) == EXTENT
    assert image.origin == "lower", "the row of index 0 is the lowest"
    assert axes.get_xlim() == (-9, 9)
    assert axes.get_aspect() == "auto"
    assert image.get_cmap().colors == PALE_TONES
    deep = density_plot.draw_density(axes, raster.at(1), raster.extent, pale=False)
    assert deep.get_cmap().colors == DEEP_TONES


def test_a_raster_that_stands_is_the_same_at_all_moments(raster):
    still = Raster(raster.values[:1], EXTENT)
    assert (still.at(2) == still.values[0]).all()
    assert (raster.at(2) == raster.values[2]).all()
    still.require(7)
    raster.require(3)
    with pytest.raises(ValueError, match=r"behind 7 moments.*\(3, 5, 10\)"):
        raster.require(7)


@pytest.mark.parametrize("shape", [(5, 10), (0, 5, 10), (1, 3, 5, 10)])
def test_values_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(K, H, W\).*got the shape \("):
        Raster(np.ones(shape), EXTENT)


@pytest.mark.parametrize(
    "extent", [(1, 1, 0, 1), (0, 1, 1, 0), (0, np.inf, 0, 1), (np.nan, 1, 0, 1)]
)
def test_an_extent_that_is_no_rectangle_is_refused(extent):
    with pytest.raises(ValueError, match="extent must be finite and rising"):
        Raster(np.ones((1, 2, 2)), extent)


def test_panels_show_each_moment_under_its_title(raster):
    figure = density_plot.density_panels(raster, ["a", "b", "c"], columns=2)
    assert [axes.get_title("left") for axes in figure.axes] == ["a", "b", "c"]
    for axes, values in zip(figure.axes, raster.values, strict=True):
        (image,) = axes.images
        assert np.allclose(image.get_array(), density_plot.tones(values))
        assert axes.get_xlim() == EXTENT[:2]
        assert axes.get_aspect() == 1
    assert style.png_bytes(figure) == style.png_bytes(
        density_plot.density_panels(raster, ["a", "b", "c"], columns=2)
    )


def test_panels_refuse_another_number_of_titles(raster):
    with pytest.raises(ValueError, match=r"got 2 for values of the shape \(3, 5, 10\)"):
        density_plot.density_panels(raster, ["a", "b"])
