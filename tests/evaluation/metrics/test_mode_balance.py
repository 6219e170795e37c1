"""Coverage and weights of modes, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.metrics import mode_balance

REAL = np.array([60, 30, 10])


def test_right_shares() -> None:
    right = np.array([12, 6, 2])
    assert mode_balance.coverage(right, REAL) == 1.0
    assert mode_balance.largest_deviation(right, REAL) == pytest.approx(0.0)
    assert mode_balance.chi_square(right, REAL) == pytest.approx(0.0)


def test_a_lost_mode() -> None:
    lost = np.array([70, 30, 0])
    assert mode_balance.coverage(lost, REAL) == pytest.approx(2 / 3)
    assert mode_balance.largest_deviation(lost, REAL) == pytest.approx(0.1)


@pytest.mark.parametrize(("count", "covered"), [(99, 2 / 3), (101, 1.0)])
def test_a_mode_is_covered_from_a_tenth_of_its_share(count: int, covered: float) -> None:
    found = mode_balance.coverage(np.array([6900 - count, 3100, count]), REAL)
    assert found == pytest.approx(covered)


def test_chi_square_by_hand() -> None:
    # Two rows of counts; what is expected is the product of the sums.
    table = np.array([[30, 20], [60, 40 + 50]])
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    by_hand = (np.square(table - expected) / expected).sum()
    assert mode_balance.chi_square(table[0], table[1]) == pytest.approx(by_hand)
    three = mode_balance.chi_square(np.array([40, 40, 20]), REAL)
    table = np.array([[40, 40, 20], REAL])
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    assert three == pytest.approx((np.square(table - expected) / expected).sum() / 2)


def test_chi_square_is_near_one_by_chance() -> None:
    random = np.random.default_rng(0)
    shares = REAL / REAL.sum()
    found = [
        mode_balance.chi_square(
            random.multinomial(300, shares), random.multinomial(900, shares)
        )
        for _ in range(300)
    ]
    assert np.mean(found) == pytest.approx(1.0, abs=0.25)


def test_a_class_without_training_points_does_not_count() -> None:
    real = np.array([50, 0, 50])
    assert mode_balance.coverage(np.array([5, 0, 5]), real) == 1.0
    assert mode_balance.chi_square(np.array([5, 0, 5]), real) == pytest.approx(0.0)
