"""Energy distance and mean discrepancy: by hand, in closed form, and without bias."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from snowmelt.evaluation.metrics.pairwise import (
    MEDIAN_OF,
    energy_distance,
    median_distance,
    squared_mmd,
)

WIDTHS = (0.5, 2.0)


def mmd(one: np.ndarray, two: np.ndarray) -> float:
    return squared_mmd(one, two, WIDTHS)


def draws(count: int, dimension: int, std: float = 1.0, seed: int = 0) -> np.ndarray:
    return std * np.random.default_rng(seed).normal(size=(count, dimension))


def test_energy_by_hand() -> None:
    one, two = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [0.0, 2.0]])
    across = (0 + 2 + 5 + math.hypot(3, 2)) / 4
    assert energy_distance(one, two) == pytest.approx(2 * across - 5 - 2)


def test_mmd_by_hand() -> None:
    one, two = np.array([[0.0], [1.0], [4.0]]), np.array([[2.0], [2.5]])

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        squared = float((x - y) @ (x - y))
        return sum(math.exp(-squared / (2 * h * h)) for h in WIDTHS) / 2

    within = np.mean([kernel(*pair) for pair in itertools.combinations(one, 2)])
    expected = within + kernel(*two)
    expected -= 2 * np.mean([kernel(x, y) for x in one for y in two])
    assert mmd(one, two) == pytest.approx(expected)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_energy_between_normal_distributions(dimension: int) -> None:
    # |x| of a standard normal x is sqrt(2) Gamma((D + 1) / 2) / Gamma(D / 2) on average.
    length = math.sqrt(2) * math.gamma((dimension + 1) / 2) / math.gamma(dimension / 2)
    expected = length * (2 * math.sqrt(1 + 9) - math.sqrt(2) - 3 * math.sqrt(2))
    found = energy_distance(draws(2000, dimension), draws(2000, dimension, 3.0, seed=1))
    assert found == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("dimension", [1, 3])
def test_mmd_between_normal_distributions(dimension: int) -> None:
    shift = np.full(dimension, 0.8)
    one, two = draws(2500, dimension), draws(2500, dimension, 0.5, seed=1) + shift

    def mean_kernel(variance: float, away: float) -> float:
        total = 0.0
        for h in WIDTHS:
            spread = h * h + variance
            total += (h * h / spread) ** (dimension / 2) * math.exp(-away / (2 * spread))
        return total / len(WIDTHS)

    expected = mean_kernel(2.0, 0.0) + mean_kernel(0.5, 0.0)
    expected -= 2 * mean_kernel(1.25, float(shift @ shift))
    assert mmd(one, two) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("distance", [energy_distance, mmd])
def test_sets_of_one_distribution_are_at_zero_on_average(distance) -> None:
    found = [
        distance(draws(20, 2, seed=2 * k), draws(20, 2, seed=2 * k + 1)) for k in range(400)
    ]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0 < max(found)


@pytest.mark.parametrize("distance", [energy_distance, mmd])
def test_order_and_place_do_not_matter(distance) -> None:
    one, two = draws(30, 2), draws(40, 2, 2.0, seed=1)
    value = distance(one, two)
    assert distance(two, one) == pytest.approx(value)
    assert distance(one[::-1] + 5, two + 5) == pytest.approx(value)


def test_median_distance() -> None:
    assert median_distance(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])) == pytest.approx(
        math.hypot(3, 3)
    )
    many = draws(MEDIAN_OF + 50, 2)
    assert median_distance(many) == median_distance(many[:MEDIAN_OF])


@pytest.mark.parametrize("distance", [energy_distance, mmd])
@pytest.mark.parametrize("shapes", [((3, 2), (3, 1)), ((1, 2), (3, 2)), ((3,), (3,))])
def test_other_shapes_are_refused(distance, shapes) -> None:
    with pytest.raises(ValueError, match="sets must"):
        distance(*(np.zeros(shape) for shape in shapes))
