"""A mean and its standard error."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from snowmelt.evaluation.estimate import Estimate


def test_the_error_of_a_mean() -> None:
    values = torch.tensor([1.0, 2.0, 4.0, 5.0], dtype=torch.float64)
    found = Estimate.of_mean(values)
    assert found.value == 3.0
    assert found.spread == pytest.approx(math.sqrt(10 / 3) / 2)


def test_another_unit() -> None:
    assert Estimate(3.0, 0.5).scaled(2.0) == Estimate(6.0, 1.0)
    assert Estimate(3.0, None).scaled(2.0) == Estimate(6.0, None)


@pytest.mark.parametrize("hits", [0, 10])
def test_none_and_all_are_not_certain(hits: int) -> None:
    found = Estimate.of_share(hits, 10)
    assert found.value == hits / 10
    assert found.spread == pytest.approx(math.sqrt(11 / (144 * 13)))


@pytest.mark.parametrize("hits", [0, 3, 64])
def test_the_error_of_a_share_is_that_of_the_beta_distribution(hits: int) -> None:
    found = Estimate.of_share(hits, 64)
    assert found.spread == pytest.approx(stats.beta(hits + 1, 65 - hits).std())


@pytest.mark.parametrize("count", [64, 193, 1000])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_intervals_of_a_share_hold_the_truth(share: float, count: int) -> None:
    """Exactly, by the probability of each number of hits; 85 % where they jump most."""
    hits = np.arange(count + 1)
    found = [Estimate.of_share(int(one), count) for one in hits]
    values, errors = np.array([(one.value, one.spread) for one in found]).T
    weights = stats.binom.pmf(hits, count, share)
    assert weights[abs(values - share) < 1.96 * errors].sum() > 0.85
    if (count, share) == (64, 0.99):
        plain = np.sqrt(values * (1 - values) / count)
        assert weights[abs(values - share) < 1.96 * plain].sum() < 0.48
