"""Disjoint pairs of sets, and the mean over them."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.excess import Excess
from snowmelt.evaluation.metrics.paired_sets import over_sets


def test_sets_are_disjoint_and_of_one_size() -> None:
    rows, train = np.arange(100)[:, None], np.arange(1000, 1500)[:, None]
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def distance(one: np.ndarray, two: np.ndarray) -> float:
        seen.append((one, two))
        return float(len(seen))

    found = over_sets(rows, train, distance, size=30, sets=8, seed=0)
    assert [(len(one), len(two)) for one, two in seen] == [(30, 30)] * 3
    for part in range(2):
        together = np.concatenate([pair[part] for pair in seen]).ravel()
        assert len(set(together.tolist())) == 90
    assert max(one.max() for one, _ in seen) < 1000 <= min(two.min() for _, two in seen)
    assert found == Estimate(2.0, pytest.approx(1 / np.sqrt(3)), freedom=2)


def test_intervals_of_eight_sets_hold_what_they_say() -> None:
    # The normal quantile would be beside the truth in 9 % of the cases.
    held, evaluations = [], 1000
    for seed in range(evaluations):
        rows = np.random.default_rng(seed).normal(size=(40, 1))
        found = over_sets(
            rows, rows, lambda one, two: float(one.mean()), size=5, sets=8, seed=seed
        )
        assert found.spread is not None
        excess = Excess.over((0.0, 0.0), (found.value, found.spread), (1, found.freedom))
        held.append(excess.holds_zero)
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_one_pair_has_no_spread() -> None:
    rows = np.arange(10)[:, None]
    found = over_sets(rows, rows, lambda one, two: 3.0, size=10, sets=8, seed=0)
    assert found == Estimate(3.0, None)
