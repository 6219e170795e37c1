"""Estimates at a fixed count: their value, their error, their repeatability."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.metrics.example_pools import Pool
from snowmelt.evaluation.metrics.subsets import (
    at_count,
    variance_by_cuts,
    variance_of_pool,
)


class Mean:
    """The mean of numbers, which remembers what it was asked for."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, rows: np.ndarray) -> float:
        self.seen.append(rows)
        return float(rows.mean())

    def gradient(self, rows: np.ndarray) -> np.ndarray:
        return np.zeros(1)

    def influence(self, rows: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        return np.asarray(rows, np.float64)


class SquareOfMean(Mean):
    """A statistic that is all of second order where the mean is zero."""

    def __call__(self, rows: np.ndarray) -> float:
        return float(rows.mean()) ** 2

    def gradient(self, rows: np.ndarray) -> np.ndarray:
        return np.array([2 * rows.mean()])

    def influence(self, rows: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        return np.asarray(gradient[0] * rows)


def test_the_whole_pool_is_taken_once() -> None:
    statistic = Mean()
    estimate = at_count(Pool(np.arange(12.0)), 12, statistic, subsets=8, seed=0)
    assert estimate.value == 5.5
    sizes = [len(rows) for rows in statistic.seen]
    assert (sizes.count(12), sizes.count(3), len(sizes)) == (1, 8, 9)


def test_sets_have_the_count_and_no_row_twice() -> None:
    statistic = Mean()
    at_count(Pool(np.arange(100)), 30, statistic, subsets=6, seed=0)
    sets = [set(rows.tolist()) for rows in statistic.seen if len(rows) == 30]
    assert len(sets) == 6
    assert all(len(rows) == 30 for rows in sets)
    assert not sets[0] & sets[1] & sets[2]


@pytest.mark.parametrize(("count", "total"), [(50, 50), (50, 60), (50, 200), (49, 50)])
def test_the_error_is_that_of_the_mean_over_sets(count: int, total: int) -> None:
    # Sets of a mean add up to the mean of all N rows, whose variance is 4 / N.
    random = np.random.default_rng(0)
    values, squares = [], []
    for seed in range(300):
        pool = Pool(random.normal(0.0, 2.0, total))
        found = at_count(pool, count, Mean(), subsets=40, seed=seed)
        assert found.spread is not None
        values.append(found.value)
        squares.append(found.spread**2)
    assert np.mean(squares) == pytest.approx(np.var(values), rel=0.25)
    assert np.mean(squares) == pytest.approx(4 / total, rel=0.2)


@pytest.mark.parametrize("count", [20, 60])
def test_the_error_where_the_first_order_vanishes(count: int) -> None:
    # To first order alone the variance would come out twice as large; with the least that
    # is taken, one and a half times.
    random = np.random.default_rng(0)
    values, squares = [], []
    for seed in range(400):
        pool = Pool(random.normal(0.0, 1.0, 60))
        found = at_count(pool, count, SquareOfMean(), subsets=80, seed=seed)
        assert found.spread is not None
        values.append(found.value)
        squares.append(found.spread**2)
    assert 1.0 < np.mean(squares) / np.var(values) < 1.7


def test_cuts_measure_the_variance_of_any_statistic() -> None:
    # Of the fourth power of the mean of a few, far from its linear part.
    random, values, found = np.random.default_rng(0), [], []
    for _ in range(600):
        rows = random.normal(0.5, 1.0, 60)
        cuts = np.array([random.permutation(60).reshape(6, 10) for _ in range(60)])
        sets = rows[cuts].mean(axis=2) ** 4
        values.append(sets.mean())
        found.append(variance_by_cuts(sets) + np.var(sets.mean(axis=1)) / 60)
    assert np.mean(found) == pytest.approx(np.var(values), rel=0.25)


@pytest.mark.parametrize(
    ("first", "quarters", "variance"),
    [
        (1.0, 4.0, 1.0),  # all of first order
        (1.0, 5.0, 0.875),  # some of second order
        (2.0, 16.0, 1.5),  # all of it, which would be 1
        (1.0, 2.0, 1.0),  # by chance below
        (1.0, 40.0, 0.75),  # by chance above
    ],
)
def test_orders_by_hand(first: float, quarters: float, variance: float) -> None:
    assert variance_of_pool(first, quarters) == pytest.approx(variance)


def test_the_seed_decides() -> None:
    pool = Pool(np.random.default_rng(0).normal(size=100))
    one, two, three = (at_count(pool, 20, Mean(), subsets=5, seed=s) for s in (1, 1, 2))
    assert one == two
    assert one != three


@pytest.mark.parametrize(
    ("count", "total", "subsets"), [(50, 100, 1), (3, 3, 5), (7, 7, 5)]
)
def test_no_error_where_nothing_can_scatter(count: int, total: int, subsets: int) -> None:
    pool = Pool(np.arange(float(total)))
    assert at_count(pool, count, Mean(), subsets=subsets, seed=0).spread is None


@pytest.mark.parametrize("count", [0, 11])
def test_a_count_outside_the_pool_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} of 10"):
        at_count(Pool(np.arange(10.0)), count, Mean(), subsets=2, seed=0)
