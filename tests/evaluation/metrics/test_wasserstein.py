"""Wasserstein distances, where the best way to move is known."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.metrics.wasserstein import sliced_wasserstein_2, wasserstein_2


def cloud(count: int = 60, dimension: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimension))


def sliced(one: np.ndarray, two: np.ndarray, directions: int = 2000) -> float:
    return sliced_wasserstein_2(one, two, directions=directions, seed=0)


@pytest.mark.parametrize("distance", [wasserstein_2, sliced])
def test_order_does_not_matter_and_equal_sets_are_at_zero(distance) -> None:
    one = cloud()
    two = np.random.default_rng(1).permutation(one)
    assert distance(one, two) == pytest.approx(0.0, abs=1e-7)
    assert distance(one, cloud(seed=2)) == pytest.approx(distance(cloud(seed=2), one))


def test_a_shift_is_as_far_as_it_is_long() -> None:
    one, shift = cloud(), np.array([3.0, -4.0, 12.0])
    assert wasserstein_2(one, one[::-1] + shift) == pytest.approx(13.0)
    # Along a random line a shift is as long as its part there: |m|^2 / D on average.
    assert sliced(one, one[::-1] + shift) == pytest.approx(13.0 / np.sqrt(3), rel=0.04)


def test_a_stretch_moves_each_point_to_its_image() -> None:
    # The gradient of a convex function is the best map (Brenier): here x -> A x, A > 0.
    one = cloud()
    mixed = cloud(3, 3, seed=5)
    stretch = mixed @ mixed.T + 0.1 * np.eye(3)
    expected = np.sqrt(np.square(one @ stretch - one).sum(axis=1).mean())
    assert wasserstein_2(one, (one @ stretch)[::-1]) == pytest.approx(expected)


def test_in_one_dimension_sorting_is_best() -> None:
    one, two = cloud(dimension=1), 2 * cloud(dimension=1, seed=1) + 1
    expected = np.sqrt(np.square(np.sort(one, axis=0) - np.sort(two, axis=0)).mean())
    assert wasserstein_2(one, two) == pytest.approx(expected)
    assert sliced(one, two, directions=3) == pytest.approx(expected)


def test_sets_of_different_sizes_share_their_weight() -> None:
    one, two = np.array([[0.0], [3.0]]), np.array([[0.0], [0.0], [3.0]])
    # A sixth of the weight has to move by 3.
    assert wasserstein_2(one, two) == pytest.approx(np.sqrt(9 / 6))
    assert sliced(one, two) == pytest.approx(np.sqrt(9 / 6))


def test_gaussians_are_as_far_as_their_closed_form() -> None:
    # W2^2 = |m|^2 + (s_1 - s_2)^2 in one dimension; quantiles stand in for draws.
    from scipy.stats import norm

    levels = (np.arange(2000) + 0.5) / 2000
    one, two = norm.ppf(levels)[:, None], 3 * norm.ppf(levels)[:, None] + 1.5
    assert sliced(one, two, directions=1) == pytest.approx(np.sqrt(1.5**2 + 4), rel=5e-3)
    assert wasserstein_2(one[::4], two[::4]) == pytest.approx(np.sqrt(6.25), rel=5e-3)


def test_the_sliced_distance_is_no_longer_than_a_share_of_the_whole() -> None:
    one, two = cloud(), 2 * cloud(seed=3)
    assert sliced(one, two) < 1.04 * wasserstein_2(one, two) / np.sqrt(3)


def test_the_same_seed_takes_the_same_lines() -> None:
    one, two = cloud(), cloud(seed=1)
    found = [sliced_wasserstein_2(one, two, directions=5, seed=s) for s in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("distance", [wasserstein_2, sliced])
def test_points_of_other_dimensions_do_not_compare(distance) -> None:
    with pytest.raises(ValueError, match=r"\(60, 3\) and \(60, 2\)"):
        distance(cloud(), cloud(dimension=2))
