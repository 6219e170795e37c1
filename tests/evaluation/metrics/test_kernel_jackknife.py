"""The kernel distance of sets of any size, and its error."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.metrics.feature_distances import kernel_distance
from snowmelt.evaluation.metrics.kernel_jackknife import kernel_distance_and_error


def test_it_is_the_kernel_distance_of_equal_sets() -> None:
    random = np.random.default_rng(0)
    one, two = random.normal(size=(40, 5)), random.normal(0.5, 1.0, size=(40, 5))
    found = kernel_distance_and_error(one, two)
    assert found.value == pytest.approx(kernel_distance(one, two))


def test_the_error_is_the_jackknife_written_out() -> None:
    random = np.random.default_rng(0)
    one, two = random.normal(size=(9, 3)), random.normal(size=(14, 3))
    left = [
        kernel_distance_and_error(np.delete(one, row, axis=0), two).value
        for row in range(9)
    ]
    by_hand = np.sqrt(8 / 9 * np.square(left - np.mean(left)).sum())
    assert kernel_distance_and_error(one, two).spread == pytest.approx(by_hand)


def test_the_error_is_that_of_fresh_examples() -> None:
    random = np.random.default_rng(0)
    other = random.normal(size=(200, 4))
    found = [
        kernel_distance_and_error(random.normal(0.4, 1.0, size=(50, 4)), other)
        for _ in range(200)
    ]
    scatter = np.std([estimate.value for estimate in found])
    said = np.mean([estimate.spread for estimate in found])  # type: ignore[arg-type]
    assert said == pytest.approx(scatter, rel=0.2)


def test_no_size_biases_it() -> None:
    random = np.random.default_rng(0)
    for count in (5, 40):
        found = [
            kernel_distance_and_error(
                random.normal(size=(count, 4)), random.normal(size=(60, 4))
            ).value
            for _ in range(300)
        ]
        assert np.mean(found) == pytest.approx(0.0, abs=4 * np.std(found) / 300**0.5)


def test_too_few_and_unlike() -> None:
    assert kernel_distance_and_error(np.eye(2), np.eye(2)).spread is None
    with pytest.raises(ValueError, match="do not compare"):
        kernel_distance_and_error(np.zeros((1, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="do not compare"):
        kernel_distance_and_error(np.zeros((3, 2)), np.zeros((3, 4)))
