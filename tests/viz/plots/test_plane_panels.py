from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from snowmelt.viz.plots import plane_panels

EXTENT = (-1.0, 1.0, -2.0, 2.0)


def test_what_lies_outside_or_nowhere_is_not_drawn():
    points = np.array([[0.5, 1.5], [1.5, 0], [0, 3], [np.nan, 0], [0, np.inf], [1e300, 0]])
    kept = plane_panels.within(points, EXTENT)
    assert kept[0].tolist() == [0.5, 1.5]
    assert np.isnan(kept[1:]).all()
    assert points[1, 0] == 1.5, "the caller's points stay"


def test_the_note_says_what_share_is_outside():
    points = np.zeros((100, 2))
    points[:2] = 9.0
    assert plane_panels.outside(points, EXTENT) == ""
    points[:12] = np.nan
    assert plane_panels.outside(points, EXTENT) == "12% outside"
    assert plane_panels.outside(points[:0], EXTENT) == ""


def test_the_union_holds_all():
    found = plane_panels.union([(0, 1, -5, 1), (-2, 0.5, 0, 3)])
    assert found == (-2, 1, -5, 3)


@pytest.mark.parametrize(("top", "expected"), [(1.0, 0.5), (3.0, 1.5), (9.0, 2.0)])
def test_panels_are_as_tall_as_what_they_show_within_limits(top, expected):
    assert plane_panels.tallness((0.0, 2.0, 0.0, top)) == expected


def test_the_frame_shows_the_extent_to_equal_scales():
    axes = Figure().subplots()
    plane_panels.bare(axes, EXTENT)
    assert (*axes.get_xlim(), *axes.get_ylim()) == EXTENT
    assert axes.get_aspect() == 1
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0


def test_panels_wrap_and_none_is_left_over():
    figure, grid = plane_panels.grid_of_panels(5, EXTENT, columns=3)
    assert len(grid) == len(figure.axes) == 5
    width, height = figure.get_size_inches()
    assert height / width == pytest.approx(2 * (2.2 * 2.0 + 0.35) / 6.6)


def test_what_is_shown_is_said_where_it_is_not_all():
    assert plane_panels.shown_of(2) == ""
    assert plane_panels.shown_of(7) == "coordinates 1, 2 of 7"
    assert "no meaning" in plane_panels.shown_of(1)


def test_clouds_without_a_finite_point_still_have_an_extent():
    nowhere = np.full((5, 2), np.nan)
    left, right, bottom, top = plane_panels.extent_of([nowhere], [nowhere])
    assert left < right
    assert bottom < top
