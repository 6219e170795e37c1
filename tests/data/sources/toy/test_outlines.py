"""Smooth closed curves, and what is inside."""

from __future__ import annotations

import numpy as np

from snowmelt.data.sources.toy.outlines import is_inside, smooth

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])


def test_the_curve_goes_through_its_points() -> None:
    corners = np.random.default_rng(0).normal(size=(9, 2))
    curve = smooth(corners, pieces=5)
    assert curve.shape == (45, 2)
    assert np.allclose(curve[::5], corners)


def test_the_slope_at_a_point_is_that_of_its_neighbours() -> None:
    corners = np.random.default_rng(0).normal(size=(9, 2))
    pieces = 10_000
    curve = smooth(corners, pieces)
    slope = (np.roll(corners, -1, axis=0) - np.roll(corners, 1, axis=0)) / 2
    after = (curve[1::pieces] - corners) * pieces
    before = (corners - np.roll(curve, 1, axis=0)[::pieces]) * pieces
    assert np.allclose(after, slope, atol=1e-2)
    assert np.allclose(before, slope, atol=1e-2)


def test_on_a_circle_it_stays_near_the_circle() -> None:
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    curve = smooth(np.column_stack([np.cos(angle), np.sin(angle)]))
    assert np.abs(np.hypot(*curve.T) - 1).max() < 2e-3


def test_inside_of_a_square() -> None:
    points = np.array([[1, 1], [0.1, 1.9], [3, 1], [-1, 1], [1, 3], [1, -1], [-1, 0]])
    expected = [True, True, False, False, False, False, False]
    assert is_inside(points.astype(float), SQUARE).tolist() == expected
    assert is_inside(points.astype(float), SQUARE[::-1]).tolist() == expected


def test_a_bay_is_outside() -> None:
    bay = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], dtype=float)
    points = np.array([[2, 0.5], [2, 2], [0.5, 2], [3.5, 2]], dtype=float)
    assert is_inside(points, bay).tolist() == [True, False, True, True]


def test_the_share_inside_is_the_area() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    disc = np.column_stack([np.cos(angle), np.sin(angle)])
    wrong = is_inside(points, disc) != (np.hypot(*points.T) < 1)
    assert wrong.mean() < 1e-3
