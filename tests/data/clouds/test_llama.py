"""The llama: points on the animal, evenly, and it looks like one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from snowmelt.data.clouds.llama import Llama, corners, is_llama


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return Llama(name="llama").draw(torch.arange(20_000))[0]


def test_every_point_is_on_the_llama(points: np.ndarray) -> None:
    assert is_llama(points).all()


def test_points_are_even(points: np.ndarray) -> None:
    """The count of each cell of a grid against the llama's area in it."""
    low, high = corners()
    grid = np.random.default_rng(0).uniform(low, high, (200_000, 2))
    grid = grid[is_llama(grid)]
    edges = [np.linspace(low[axis], high[axis], 9) for axis in range(2)]
    found, area = (np.histogram2d(*p.T, bins=edges)[0].ravel() for p in (points, grid))
    large = area > 500
    found, area = found[large], area[large]
    expected = area * found.sum() / area.sum()
    # The area is an estimate itself, which widens the statistic by the ratio of counts.
    widened = 1 + found.sum() / area.sum()
    statistic = chisquare(found, expected).statistic / widened
    assert statistic < len(found) + 5 * np.sqrt(2 * len(found))


@pytest.mark.parametrize(
    ("place", "is_there"),
    [
        ((0.45, 0.60), True),  # the body
        ((0.73, 0.95), True),  # the neck
        ((0.92, 1.04), True),  # the mouth
        ((0.70, 1.25), True),  # an ear
        ((0.80, 1.25), True),  # the other
        ((0.755, 1.25), False),  # between them
        ((0.805, 1.086), False),  # the eye
        ((0.05, 0.60), True),  # the tail
        ((0.20, 0.47), True),  # where body and leg overlap
        ((0.18, 0.10), True),  # four legs ...
        ((0.31, 0.10), True),
        ((0.60, 0.10), True),
        ((0.72, 0.10), True),
        ((0.25, 0.10), False),  # ... and the gaps between them
        ((0.45, 0.20), False),
        ((0.66, 0.10), False),
        ((0.30, 0.90), False),  # the sky above its back
        ((0.92, 0.80), False),  # in front of its chest
    ],
)
def test_it_is_a_llama(place: tuple[float, float], is_there: bool) -> None:
    assert is_llama(np.array([place])).item() is is_there


def test_its_size() -> None:
    low, high = corners()
    assert np.allclose(low, 0.0, atol=0.02)
    assert np.allclose(high, [0.96, 1.30], atol=0.02)
