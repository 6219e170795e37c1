"""How many rows of each class a set of fixed shares has."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.metrics.fixed_shares import taken

PLENTY = np.full(3, 10**3)


def test_the_order_by_hand() -> None:
    # Places 1, 3, 5 of the one half, 3/2, 9/2 of the third, and 3 of the sixth.
    order = taken(PLENTY, np.array([1 / 2, 1 / 3, 1 / 6]))
    assert order[:6].tolist() == [0, 1, 0, 2, 1, 0]


def test_classes_in_turn_are_taken_in_turn() -> None:
    assert taken(PLENTY, np.full(3, 1 / 3))[:7].tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_it_ends_where_a_class_has_none_left() -> None:
    assert taken(np.array([3, 1]), np.full(2, 1 / 2)).tolist() == [0, 1, 0]
    assert taken(np.array([1, 0]), np.array([0.9, 0.1])).tolist() == [0]
    # Without a share a class is never asked for.
    assert taken(np.array([2, 0, 2]), np.array([0.5, 0.0, 0.5])).tolist() == [0, 2, 0, 2]


@pytest.mark.parametrize("seed", range(20))
def test_all_samples_are_a_set_and_others_are_within_a_row_of_the_shares(
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    counts = random.integers(1, 60, random.integers(2, 12))
    total = int(counts.sum())
    order = taken(counts, counts / total)
    assert np.bincount(order, minlength=len(counts)).tolist() == counts.tolist()
    for n in (total // 7, total // 2, total - 1):
        found = np.bincount(order[:n], minlength=len(counts))
        assert np.abs(found - n * counts / total).max() < 1.5
