"""The share of each cell that a drawing covers."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.data.sources.toy.coverage import coverage
from snowmelt.data.sources.toy.outlines import is_inside

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])


def edges(count: int, low: float = 0.0, high: float = 4.0) -> np.ndarray:
    return np.linspace(low, high, count + 1)


def test_a_rectangle_covers_what_it_covers() -> None:
    rectangle = np.array([[0.25, 0.5], [3.5, 0.5], [3.5, 2.0], [0.25, 2.0]])
    found = coverage([rectangle], [], (edges(4), edges(2)))
    assert np.allclose(found, np.outer([0.75, 1, 1, 0.5], [0.75, 0.0]), atol=2e-3)
    # Upper cells are touched along their lower edge at most.
    assert found[:, 1].max() <= 1e-3


def test_a_slope_is_covered_by_halves() -> None:
    triangle = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]])
    found = coverage([triangle], [], (edges(4), edges(4)))
    expected = np.tril(np.ones((4, 4))) - 0.5 * np.eye(4)
    assert np.allclose(found, expected, atol=1e-12)


def test_parts_that_overlap_count_once_and_a_hole_beats_them() -> None:
    other = SQUARE + np.array([1.0, 0.0])
    hole = np.array([[1.0, 0.0], [2.0, 0.0], [2.0, 1.0], [1.0, 1.0]])
    found = coverage([SQUARE, other], [hole], (edges(4), edges(4)))
    expected = np.zeros((4, 4))
    expected[:3, :2] = 1.0
    expected[1, 0] = 0.0
    assert np.allclose(found, expected, atol=2e-3)
    assert found[0, 0] == found[2, 1] == 1.0


def test_the_area_of_any_shape() -> None:
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    star = 2 + np.column_stack([np.cos(angle), np.sin(angle)]) * (
        1.9 * rng.uniform(0.3, 1.0, (60, 1))
    )
    x, y = star.T
    area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    found = coverage([star], [], (edges(40), edges(30)), lines=20)
    assert found.sum() * (4 / 40) * (4 / 30) == pytest.approx(area, rel=1e-3)
    assert found.min() == 0.0
    assert found.max() <= 1.0 + 1e-12


def test_no_point_of_the_drawing_lies_in_an_empty_cell() -> None:
    # Thinner than the distance of the lines, and between them.
    needle = np.array([[0.3, 0.30], [3.7, 0.31], [3.7, 0.32], [0.3, 0.33]])
    steep = needle[:, ::-1] + [2.0, 0.0]
    grid = (edges(8), edges(4))
    found = coverage([needle, steep], [], grid, lines=2)
    points = np.random.default_rng(0).uniform(0, 4, (400_000, 2))
    for needle_or_steep in (needle, steep):
        inside = points[is_inside(points, needle_or_steep)]
        assert len(inside) > 100
        columns, rows = np.floor(inside / [0.5, 1.0]).astype(int).T
        assert (found[columns, rows] > 0).all()
    assert (found[:, 1:][:4] == 0).all()
