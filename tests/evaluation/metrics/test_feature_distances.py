"""The kernel distance: by hand, and beside two other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric
from torchmetrics.image import KernelInceptionDistance

from snowmelt.evaluation.metrics.feature_distances import kernel_distance


def features(count: int = 200, dimension: int = 6, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(dimension, dimension))
    return random.normal(size=(count, dimension)) @ mixing + random.normal(size=dimension)


class Passed(nn.Module):
    """An extractor for torchmetrics that takes features for images."""

    num_features = 6

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


def test_kernel_distance_by_hand() -> None:
    # F = 1, k(x, y) = (xy + 1)^3, over pairs of different rows within a set.
    one, two = np.array([[0.0], [1.0]]), np.array([[2.0], [-1.0]])
    within_one, within_two = (0 + 1) ** 3, (-2 + 1) ** 3
    between = ((0 + 1) ** 3 + (0 + 1) ** 3 + (2 + 1) ** 3 + (-1 + 1) ** 3) / 4
    expected = within_one + within_two - 2 * between
    assert kernel_distance(one, two) == pytest.approx(expected)


def test_kernel_distance_equals_torch_fidelity_and_torchmetrics() -> None:
    one, two = features(50, seed=1), features(50, seed=2)
    fidelity = kid_features_to_metric(
        torch.from_numpy(one),
        torch.from_numpy(two),
        kid_subsets=1,
        kid_subset_size=50,
        verbose=False,
    )[KEY_METRIC_KID_MEAN]
    assert kernel_distance(one, two) == pytest.approx(fidelity)
    theirs = KernelInceptionDistance(Passed(), subsets=1, subset_size=50)
    theirs.update(torch.from_numpy(one), real=True)
    theirs.update(torch.from_numpy(two), real=False)
    assert kernel_distance(one, two) == pytest.approx(float(theirs.compute()[0]))


def test_kernel_distance_is_unbiased() -> None:
    # Over many halves of one set the mean is zero within its own error, with values on
    # both sides; a biased estimate would be positive always.
    rows, random = features(400), np.random.default_rng(0)
    found = []
    for _ in range(200):
        order = random.permutation(400)
        found.append(kernel_distance(rows[order[:200]], rows[order[200:]]))
    # Halves of one set repel each other a little, by the order of k(x, x) / 400.
    size = np.mean((np.sum(rows**2, axis=1) / 6 + 1) ** 3) / 400
    assert abs(np.mean(found)) < 3 * size
    assert min(found) < 0 < max(found)
    shifted = kernel_distance(rows[:200], rows[200:] + 1.0)
    assert shifted > 5 * np.std(found)


def test_kernel_distance_refuses_sets_of_two_sizes() -> None:
    with pytest.raises(ValueError, match=r"\(3, 1\), \(2, 1\)"):
        kernel_distance(np.ones((3, 1)), np.ones((2, 1)))
    with pytest.raises(ValueError, match="N > 1"):
        kernel_distance(np.ones((1, 1)), np.ones((1, 1)))
