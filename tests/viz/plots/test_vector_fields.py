from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

from snowmelt.evaluation.plane.plane_arrays import Raster, VectorField
from snowmelt.viz import style
from snowmelt.viz.plots import vector_fields
from snowmelt.viz.style import BLUE, INK

STEP = 0.5
LATTICE = STEP * np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), -1).reshape(-1, 2)


def field(factor: float = 1.0) -> VectorField:
    return VectorField(LATTICE, factor * np.random.default_rng(0).normal(size=(20, 2)))


def quiver(axes) -> Quiver:
    (found,) = (one for one in axes.collections if isinstance(one, Quiver))
    return found


def arrows(axes) -> np.ndarray:
    return np.column_stack([quiver(axes).U, quiver(axes).V])


def drawn(one: VectorField, longest: float):
    axes = Figure().subplots()
    vector_fields.draw_arrows(axes, one, longest)
    return axes


def test_arrows_stand_on_their_points_and_point_along_their_vectors():
    one = field()
    axes = drawn(one, 2.0)
    assert np.allclose(quiver(axes).get_offsets(), LATTICE)
    assert quiver(axes).pivot == "middle"
    cross = np.cross(arrows(axes), one.vectors)
    assert np.allclose(cross, 0, atol=1e-12)
    assert (np.sum(arrows(axes) * one.vectors, 1) > 0).all()


def test_the_length_is_the_root_up_to_the_longest_that_fits():
    one = field()
    longest = float(np.median(one.lengths()))
    axes = drawn(one, longest)
    found = np.hypot(*arrows(axes).T)
    assert found.max() < STEP, "no arrow reaches the next point"
    expected = found.max() * np.sqrt(np.minimum(one.lengths() / longest, 1))
    assert np.allclose(found, expected)
    is_cut = one.lengths() > longest
    for color, chosen in ((INK, is_cut), (BLUE, ~is_cut)):
        assert np.allclose(quiver(axes).get_facecolor()[chosen], to_rgba(color))


def test_the_scale_cuts_one_in_twenty_and_survives_nothing():
    lengths = np.arange(1.0, 101.0)
    one = VectorField(np.zeros((100, 2)), np.column_stack([lengths, 0 * lengths]))
    assert vector_fields.scale(one) == pytest.approx(np.quantile(lengths, 0.95))
    none = VectorField(LATTICE, np.zeros((20, 2)))
    assert vector_fields.scale(none) == 1.0
    assert vector_fields.scale(VectorField(LATTICE, np.full((20, 2), np.nan))) == 1.0


def test_what_is_not_finite_is_left_out():
    one = field()
    one.vectors[3] = np.nan
    one.vectors[4] = np.inf
    axes = drawn(one, 1.0)
    assert np.allclose(quiver(axes).get_offsets(), np.delete(LATTICE, [3, 4], 0))
    assert np.isfinite(one.rms())
    assert one.rms() == pytest.approx(
        np.sqrt(np.mean(np.sum(np.delete(one.vectors, [3, 4], 0) ** 2, 1)))
    )


def test_each_row_has_one_scale_and_says_it():
    rows = [[field(), field(0.1)], [field(100.0), field(25.0)]]
    figure = vector_fields.fields(rows, ["t = 0.9", "t = 0.1"], ["true", "difference"])
    grid = np.reshape(figure.axes, (2, 2))
    for row, (left, right), factor in zip(rows, grid, (0.1, 0.25), strict=True):
        longest = vector_fields.scale(row[0])
        text = left.get_ylabel()
        assert f"full {longest:.2g}" in text
        assert f"half {longest / 4:.2g}" in text
        free = row[0].lengths() <= longest
        ratio = np.hypot(*arrows(right).T)[free] / np.hypot(*arrows(left).T)[free]
        assert np.allclose(ratio, np.sqrt(factor))
        for axes, one in zip((left, right), row, strict=True):
            assert f"rms {one.rms():.2g}" in [text.get_text() for text in axes.texts]
    assert "t = 0.1" in grid[1, 0].get_ylabel()
    assert [axes.get_title("left") for axes in grid[0]] == ["true", "difference"]
    again = vector_fields.fields(rows, ["t = 0.9", "t = 0.1"], ["true", "difference"])
    assert style.png_bytes(figure) == style.png_bytes(again)


def test_a_density_lies_behind_its_row_and_says_what_is_shown():
    extent = (-1.0, 3.0, -2.0, 2.0)
    rasters = [Raster(np.random.default_rng(k).random((1, 3, 3)), extent) for k in (0, 1)]
    figure = vector_fields.fields([[field()], [field()]], ["a", "b"], ["c"], rasters)
    for axes, raster in zip(figure.axes, rasters, strict=True):
        peak = raster.values[0] / raster.values.max()
        assert np.allclose(axes.images[0].get_array(), np.sqrt(peak))
        assert (*axes.get_xlim(), *axes.get_ylim()) == extent
        assert axes.get_aspect() == 1


def test_without_a_density_all_arrows_are_inside():
    (axes,) = vector_fields.fields([[field()]], [""], [""]).axes
    assert axes.get_xlim()[0] <= -0.5 * STEP
    assert axes.get_xlim()[1] >= LATTICE[:, 0].max() + 0.5 * STEP


@pytest.mark.parametrize("count", [0, 1])
def test_few_points_do_not_break_the_picture(count):
    one = VectorField(LATTICE[:count], np.full((count, 2), np.nan))
    assert len(style.png_bytes(vector_fields.fields([[one]], ["a"], ["b"]))) > 500


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(20, 2\) and \(5, 2\)"):
        VectorField(LATTICE, LATTICE[:5])
    with pytest.raises(ValueError, match=r"\(20, 1\) and \(20, 1\)"):
        VectorField(LATTICE[:, :1], LATTICE[:, :1])
    one = field()
    with pytest.raises(ValueError, match=r"got \[2, 1\] fields for 2 titles"):
        vector_fields.fields([[one, one], [one]], ["", ""], ["", ""])
    with pytest.raises(ValueError, match=r"got \[\] fields"):
        vector_fields.fields([], [], [""])
    with pytest.raises(ValueError, match="got 2 titles and no rasters"):
        vector_fields.fields([[one]], ["", ""], [""])
    raster = Raster(np.ones((1, 2, 2)), (0, 1, 0, 1))
    with pytest.raises(ValueError, match="got 1 titles and 2 rasters"):
        vector_fields.fields([[one]], [""], [""], [raster, raster])
