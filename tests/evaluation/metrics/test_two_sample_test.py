"""The classifier two-sample test: one half for one distribution, more for two."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from snowmelt.evaluation.metrics import two_sample_test
from snowmelt.evaluation.metrics.two_sample_test import neighbours, two_sample_accuracy


def draws(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal((shift, 0.0), size=(count, 2))


def test_one_distribution_is_not_told_apart() -> None:
    pairs = range(60)
    found = [
        two_sample_accuracy(draws(100, 2 * k), draws(100, 2 * k + 1), folds=5, seed=0)
        for k in pairs
    ]
    values = np.array([estimate.value for estimate in found])
    assert abs(values.mean() - 0.5) < 4 * values.std() / np.sqrt(len(values))


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_error_is_how_far_the_values_scatter(
    shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Independent votes would scatter by 0.71 of it.
    monkeypatch.setattr(two_sample_test, "DEALS", 50)
    found = [
        two_sample_accuracy(
            draws(150, 2 * k), draws(150, 2 * k + 1, shift), folds=5, seed=k
        )
        for k in range(200)
    ]
    values = np.array([estimate.value for estimate in found])
    spreads = np.array([estimate.spread for estimate in found])
    claimed = np.sqrt(np.mean(np.square(spreads)))
    assert values.std(ddof=1) == pytest.approx(claimed, rel=0.15)
    held = np.mean(np.abs(values - values.mean()) < 1.96 * spreads)
    assert 0.89 < held <= 1.0


def test_a_shift_is_noticed_nearly_as_often_as_it_can_be() -> None:
    found = two_sample_accuracy(draws(2000, 0), draws(2000, 1, 2.0), folds=5, seed=0)
    assert found.value == pytest.approx(norm.cdf(1.0), abs=0.02)
    independent = np.sqrt(found.value * (1 - found.value) / 4000)
    assert independent < found.spread < 2 * independent


def test_distant_sets_are_always_told_apart() -> None:
    found = two_sample_accuracy(draws(50, 0), draws(50, 1, 50.0), folds=5, seed=0)
    assert found.value == 1.0
    # All of 100 votes are right: that is no certainty.
    assert found.spread is not None
    assert found.spread > 0.005


def test_a_difference_in_shape_alone_is_noticed() -> None:
    # Equal means and covariances: a ring and a normal cloud.
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 1000)
    ring = np.sqrt(2) * np.column_stack([np.cos(angle), np.sin(angle)])
    found = two_sample_accuracy(ring, draws(1000, 1), folds=5, seed=0)
    assert found.value > 0.8


def test_the_same_seed_gives_the_same_parts() -> None:
    one, two = draws(60, 0), draws(60, 1)
    found = [two_sample_accuracy(one, two, folds=3, seed=seed).value for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_a_few_rows_are_enough(count: int) -> None:
    found = two_sample_accuracy(draws(count, 0), draws(count, 1), folds=5, seed=0)
    assert 0 <= found.value <= 1


@pytest.mark.parametrize(
    ("count", "folds", "k"), [(2, 2, 1), (3, 3, 3), (100, 5, 13), (1000, 5, 41)]
)
def test_neighbours_are_odd_and_near_the_root(count: int, folds: int, k: int) -> None:
    assert neighbours(count, folds) == k


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="sets must be alike"):
        two_sample_accuracy(draws(5, 0), draws(4, 0), folds=2, seed=0)
    with pytest.raises(ValueError, match="sets must be alike"):
        two_sample_accuracy(draws(1, 0), draws(1, 0), folds=2, seed=0)
