"""The extrapolation to endless samples, on Gaussians whose distance is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from snowmelt.evaluation.features.feature_statistics import Statistics, frechet_distance
from snowmelt.evaluation.metrics.example_pools import Pool
from snowmelt.evaluation.metrics.frechet_statistic import FrechetTo
from snowmelt.evaluation.metrics.infinite_count import at_infinity, intercept

DIMENSION = 6


def test_the_intercept_of_a_line() -> None:
    x = np.array([0.1, 0.2, 0.3, 0.4])
    assert intercept(x, 3 + 5 * x) == pytest.approx(3)
    weights = [intercept(np.array([0.1, 0.2, 0.4]), one) for one in np.eye(3)]
    assert weights == pytest.approx([1.0, 0.5, -0.5])


def test_the_shares_are_those_of_endless_draws() -> None:
    # The classes are points, so all but their shares is exact; those of the pool are off.
    classes = np.repeat([0, 1], [240, 160])
    rows = np.stack([classes, np.arange(400) % 2], axis=1).astype(np.float64)
    reference = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5000, np.float64)
    distance = FrechetTo(Statistics.of(reference))
    pool = Pool.of_held_out(rows, classes, np.array([0.5, 0.5]))
    assert at_infinity(pool, distance, subsets=40, seed=0).value == pytest.approx(
        0, abs=1e-3
    )
    assert distance(rows) > 5e-3


@pytest.mark.parametrize(("shift", "width"), [(0.0, 1.0), (0.3, 1.2)])
def test_the_known_distance_of_gaussians(shift: float, width: float) -> None:
    truth = Statistics(np.zeros(DIMENSION), np.eye(DIMENSION))
    other = Statistics(np.full(DIMENSION, shift), width**2 * np.eye(DIMENSION))
    known = frechet_distance(other, truth)
    assert known == pytest.approx(DIMENSION * (shift**2 + (width - 1) ** 2), abs=1e-9)
    distance, found = FrechetTo(truth), []
    evaluations = 200
    for seed in range(evaluations):
        random = np.random.default_rng(seed)
        rows = shift + width * random.normal(size=(200, DIMENSION))
        found.append(at_infinity(Pool(rows), distance, subsets=16, seed=seed))
        assert found[-1].value < distance(rows)
    values = np.array([estimate.value for estimate in found])
    spreads = np.array([estimate.spread for estimate in found])
    plain = DIMENSION * (DIMENSION + 5) / 4 / 200  # about what the bias at 200 rows is
    assert abs(values.mean() - known) < 0.1 * plain + 3 * values.std() / evaluations**0.5
    held = np.mean(np.abs(values - known) < 1.96 * spreads)
    error = 2.5 * math.sqrt(0.05 * 0.95 / evaluations)
    assert 0.93 - error < held < 0.975 + error


def test_the_seed_decides() -> None:
    pool = Pool(np.random.default_rng(0).normal(size=(100, 2)))
    distance = FrechetTo(Statistics.of(np.random.default_rng(1).normal(size=(100, 2))))
    one, two, three = (
        at_infinity(pool, distance, subsets=8, seed=seed) for seed in (0, 0, 1)
    )
    assert one == two != three
