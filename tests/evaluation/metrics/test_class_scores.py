"""The Inception score's formula: by hand, and beside two other implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch_fidelity.metric_isc import isc_features_to_metric
from torchmetrics.image import InceptionScore

from snowmelt.evaluation.metrics.class_scores import ClassScore
from snowmelt.evaluation.metrics.example_pools import Pool
from snowmelt.evaluation.metrics.sample_metrics import fidelity_seed
from snowmelt.evaluation.metrics.subsets import at_count


def logits(count: int = 60, classes: int = 4, seed: int = 0) -> np.ndarray:
    return 2 * np.random.default_rng(seed).normal(size=(count, classes)).astype(np.float32)


class Passed(nn.Module):
    """An extractor for torchmetrics that takes logits for images."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


def test_by_hand() -> None:
    sure = np.log(np.eye(3)[[0, 1, 2, 0, 1, 2]] + 1e-30)
    assert ClassScore(1, seed=0)(sure) == pytest.approx(3.0)
    assert ClassScore(1, seed=0)(np.ones((6, 3))) == pytest.approx(1.0)
    # One of two classes, with shares of 3/4 and 1/4: the entropy of the mean.
    uneven = np.log(np.eye(2)[[0, 0, 0, 1]] + 1e-30)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert ClassScore(1, seed=0)(uneven) == pytest.approx(math.exp(entropy))


@pytest.mark.parametrize("parts", [1, 3])
def test_it_is_that_of_torch_fidelity(parts: int) -> None:
    theirs = isc_features_to_metric(torch.from_numpy(logits()), splits=parts, rng_seed=5)
    found = ClassScore(parts, seed=5)(logits())
    assert found == theirs["inception_score_mean"]
    other = ClassScore(parts, seed=6)(logits())
    assert (other == pytest.approx(found)) == (parts == 1)


def test_it_is_that_of_torchmetrics() -> None:
    theirs = InceptionScore(Passed(), splits=1)
    theirs.update(torch.from_numpy(logits()))
    found = ClassScore(1, seed=0)(logits())
    assert found == pytest.approx(float(theirs.compute()[0]), rel=1e-5)


def test_its_influence_is_its_derivative() -> None:
    rows, score = logits(400).astype(np.float64), ClassScore(1, seed=0)
    influence = score.influence(rows, score.gradient(rows))
    centred = influence - influence.mean()
    for row in (0, 7, int(influence.argmax()), int(influence.argmin())):
        more = score(np.vstack([rows, rows[[row]]])) - score(rows)
        assert (len(rows) + 1) * more == pytest.approx(centred[row], rel=0.02, abs=0.01)


@pytest.mark.parametrize("parts", [1, 10])
def test_its_error_is_the_scatter_of_fresh_sets(parts: int) -> None:
    found = [
        at_count(Pool(logits(400, seed=seed)), 400, ClassScore(parts, 0), subsets=8, seed=0)
        for seed in range(60)
    ]
    scatter = float(np.std([one.value for one in found], ddof=1))
    errors = [one.spread for one in found]
    # Sixty sets know their scatter to 9 %; three of these.
    assert float(np.mean(errors)) == pytest.approx(scatter, rel=0.28)


def test_fewer_rows_than_parts() -> None:
    assert ClassScore(10, seed=0)(logits(3)) == 1.0


def test_any_seed_is_one_of_32_bits() -> None:
    assert fidelity_seed(7) == 7
    assert fidelity_seed(2**62 + 7) == 7
