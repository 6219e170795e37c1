"""The error of the kernel distance is that of the mean over subsets."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.metrics import kernel_error
from snowmelt.evaluation.metrics.example_pools import Pool
from snowmelt.evaluation.metrics.feature_distances import kernel_distance

TRAIN = np.random.default_rng(9).normal(size=(400, 4))


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_it_is_how_far_values_scatter(shift: float) -> None:
    values, errors = [], []
    for seed in range(200):
        rows = np.random.default_rng(seed).normal(shift, 1.0, size=(80, 4))
        # All rows at once, so that the choice of subsets adds nothing.
        inside = kernel_distance(rows, TRAIN[:80])
        wide = (rows @ TRAIN.T / 4 + 1) ** 3
        few = (rows @ TRAIN[:80].T / 4 + 1) ** 3
        values.append(inside + 2 * few.mean() - 2 * wide.mean())
        errors.append(kernel_error.kernel_error(Pool(rows), TRAIN, 0.0, seed))
    claimed = np.sqrt(np.mean(np.square(errors)))
    assert np.std(values) == pytest.approx(claimed, rel=0.2)


def test_a_part_stands_for_a_large_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(np.random.default_rng(0).normal(0.5, 1.0, size=(600, 4)))
    whole = kernel_error.kernel_error(pool, TRAIN, 0.0, 0)
    monkeypatch.setattr(kernel_error, "MOST", 300)
    assert kernel_error.kernel_error(pool, TRAIN, 0.0, 0) == pytest.approx(whole, rel=0.2)


def test_the_choice_of_subsets_adds_to_it() -> None:
    pool = Pool(np.random.default_rng(0).normal(size=(60, 4)))
    without = kernel_error.kernel_error(pool, TRAIN, 0.0, 0)
    assert without is not None
    found = kernel_error.kernel_error(pool, TRAIN, 3.0, 0)
    assert found == pytest.approx(np.sqrt(without**2 + 3.0))


def test_too_few_examples_have_none() -> None:
    assert kernel_error.kernel_error(Pool(np.ones((7, 4))), TRAIN, 0.0, 0) is None
