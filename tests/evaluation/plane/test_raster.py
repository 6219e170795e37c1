"""Pictures of densities: they hold all of it, the right way up, and nothing is cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snowmelt.densities import DoubleGaussian, Gaussian, GridDensity, Picture
from snowmelt.evaluation.plane.raster import extent_of, raster


def test_a_picture_holds_the_whole_density() -> None:
    densities = [DoubleGaussian(), Gaussian([0.1, -0.2], [0.3, 0.15])]
    found = raster(densities, (-2.0, 2.0, -1.5, 1.5), cells=80)
    assert found.values.shape == (2, 60, 80)
    assert found.values.dtype == np.float64
    assert found.extent == (-2.0, 2.0, -1.5, 1.5)
    cell = (4.0 / 80) * (3.0 / 60)
    np.testing.assert_allclose(found.values.sum(axis=(1, 2)) * cell, 1.0, atol=1e-6)


def test_the_first_row_is_the_lowest_and_the_first_column_the_leftmost() -> None:
    (values,) = raster([Gaussian([0.5, -0.7], 0.1)], (-1, 1, -1, 1), cells=20).values
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert (row, column) in {(2, 14), (2, 15), (3, 14), (3, 15)}


def test_a_picture_of_a_picture_is_the_picture() -> None:
    drawn = np.array([[0.0, 1.0, 2.0], [4.0, 8.0, 16.0]])
    (values,) = raster([Picture(drawn, half_width=1.5)], (-1.5, 1.5, -1, 1), cells=3).values
    np.testing.assert_allclose(values[::-1], drawn / 31.0)


def test_where_to_look_is_a_square_around_all() -> None:
    left, right, bottom, top = extent_of(np.array([[0.0, 0.0], [4.0, 1.0]]))
    assert (left, right, bottom, top) == pytest.approx((-0.16, 4.16, -1.66, 2.66), abs=0.05)
    both = extent_of(np.zeros((5, 2)), torch.tensor([[2.0, 0.0], [0.0, 2.0]]))
    assert both[0] < 0 < 2 < both[1]
    frames = np.zeros((3, 4, 2))
    frames[1, 2] = 5.0, 0.0
    assert extent_of(frames)[1] > 4.5


def test_a_density_is_looked_at_where_its_draws_lie() -> None:
    left, right, bottom, top = extent_of(DoubleGaussian(1.6, 0.2))
    assert right - left == pytest.approx(top - bottom)
    assert -1.8 < left < -1.2
    assert 1.2 < right < 1.8
    grid = extent_of(GridDensity([[1.0]], [[3.0, 5.0], [7.0, 9.0]]))
    assert grid == pytest.approx((2.92, 5.08, 6.92, 9.08), abs=0.05)


def test_one_stray_does_not_shrink_the_rest() -> None:
    points = np.random.default_rng(0).normal(size=(1000, 2))
    usual = extent_of(points)
    points[0] = 1e6
    points[1] = np.nan
    assert extent_of(points) == pytest.approx(usual, abs=0.2)


def test_points_on_a_line_and_one_point_can_be_looked_at() -> None:
    left, right, bottom, top = extent_of(np.linspace(0, 1, 50)[:, None])
    assert left < 0.02
    assert right > 0.98
    assert bottom < 0 < top
    assert extent_of(np.ones((3, 2))) == (0.0, 2.0, 0.0, 2.0)


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(ValueError, match="no finite point"):
        extent_of(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="at least one density"):
        raster([], (0, 1, 0, 1))
