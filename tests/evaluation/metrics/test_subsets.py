"""Estimates at a fixed count: their value, their spread, their repeatability."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.metrics.subsets import at_count


def mean(rows: np.ndarray) -> float:
    return float(rows.mean())


def test_the_whole_pool_is_taken_once() -> None:
    pool, seen = np.arange(10.0), []

    def statistic(rows: np.ndarray) -> float:
        seen.append(np.sort(rows).tolist())
        return float(rows.mean())

    estimate = at_count(pool, 10, statistic, subsets=4, seed=0)
    assert estimate.value == 4.5
    assert seen.count(pool.tolist()) == 1
    halves = [rows for rows in seen if len(rows) == 5]
    assert len(halves) == 4
    assert len(seen) == 5


def test_subsets_have_the_count_and_no_row_twice() -> None:
    seen: list[np.ndarray] = []
    at_count(np.arange(100), 30, lambda r: seen.append(r) or 0.0, subsets=6, seed=0)
    assert [len(rows) for rows in seen] == [30] * 6
    assert all(len(set(rows.tolist())) == 30 for rows in seen)
    assert len({tuple(rows.tolist()) for rows in seen}) == 6


@pytest.mark.parametrize(("count", "total"), [(50, 50), (50, 60), (50, 200), (49, 50)])
def test_the_spread_is_that_of_a_fresh_set(count: int, total: int) -> None:
    # The mean of n numbers with variance 4 has the variance 4 / n, whatever the pool.
    random = np.random.default_rng(0)
    squares = []
    for seed in range(300):
        pool = random.normal(0.0, 2.0, total)
        spread = at_count(pool, count, mean, subsets=10, seed=seed).spread
        assert spread is not None
        squares.append(spread**2)
    assert np.mean(squares) == pytest.approx(4 / count, rel=0.12)


def test_value_is_the_mean_over_subsets() -> None:
    pool, found = np.random.default_rng(0).normal(size=100), []

    def statistic(rows: np.ndarray) -> float:
        found.append(float(rows.max()))
        return found[-1]

    estimate = at_count(pool, 20, statistic, subsets=8, seed=1)
    assert estimate.value == pytest.approx(np.mean(found))
    assert estimate.spread == pytest.approx(np.std(found, ddof=1) / np.sqrt(0.8))


def test_the_seed_decides() -> None:
    pool = np.random.default_rng(0).normal(size=100)
    one, two, three = (at_count(pool, 20, mean, subsets=5, seed=s) for s in (1, 1, 2))
    assert one == two
    assert one != three


@pytest.mark.parametrize(
    ("count", "total", "subsets"), [(50, 100, 1), (3, 3, 5), (2, 2, 5)]
)
def test_no_spread_where_nothing_can_scatter(count: int, total: int, subsets: int) -> None:
    estimate = at_count(np.arange(float(total)), count, mean, subsets=subsets, seed=0)
    assert estimate.spread is None


@pytest.mark.parametrize("count", [0, 11])
def test_a_count_outside_the_pool_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} of 10"):
        at_count(np.arange(10.0), count, mean, subsets=2, seed=0)
