"""The Frechet distance: closed forms, another implementation, the laws of a distance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.image import FrechetInceptionDistance

from snowmelt.evaluation.features import feature_statistics
from snowmelt.evaluation.features.feature_statistics import Statistics, frechet_distance


def features(count: int = 200, dimension: int = 6, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(dimension, dimension))
    return random.normal(size=(count, dimension)) @ mixing + random.normal(size=dimension)


class Passed(nn.Module):
    """An extractor for torchmetrics that takes features for images."""

    num_features = 6

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


def test_frechet_distance_of_commuting_gaussians() -> None:
    # For diagonal covariances: |m1 - m2|^2 + sum (s1 - s2)^2.
    one = Statistics(np.array([0.0, 1.0, 2.0]), np.diag([1.0, 4.0, 9.0]))
    two = Statistics(np.array([3.0, 1.0, -2.0]), np.diag([16.0, 4.0, 1.0]))
    assert frechet_distance(one, two) == pytest.approx(9 + 16 + 9 + 0 + 4)


def test_frechet_distance_of_turned_gaussians() -> None:
    # In two dimensions tr (S1 S2)^(1/2) = sqrt(tr(S1 S2) + 2 sqrt(det(S1 S2))).
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    first, second = np.diag([5.0, 1.0]), turn @ np.diag([2.0, 0.5]) @ turn.T
    product = first @ second
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(first) + np.trace(second) - 2 * root
    zero = np.zeros(2)
    found = frechet_distance(Statistics(zero, first), Statistics(zero, second))
    assert found == pytest.approx(expected)


def test_statistics_are_the_unbiased_ones() -> None:
    rows = features()
    found = Statistics.of(rows)
    centred = rows - rows.mean(axis=0)
    assert found.mean == pytest.approx(rows.mean(axis=0))
    assert found.covariance == pytest.approx(centred.T @ centred / (len(rows) - 1))
    assert found.covariance.dtype == np.float64
    assert Statistics.of(rows.astype(np.float32)).mean.dtype == np.float64


def test_frechet_distance_equals_torchmetrics() -> None:
    one, two = features(seed=1), features(seed=2)
    theirs = FrechetInceptionDistance(Passed(), input_img_size=(1, 1, 6))
    theirs.update(torch.from_numpy(one)[:, None, None], real=True)
    theirs.update(torch.from_numpy(two)[:, None, None], real=False)
    ours = frechet_distance(Statistics.of(one), Statistics.of(two))
    assert ours == pytest.approx(float(theirs.compute()), rel=1e-9)


def test_frechet_distance_is_a_distance() -> None:
    one, two = Statistics.of(features(seed=1)), Statistics.of(features(seed=2))
    assert frechet_distance(one, one) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(one, one) >= 0.0
    assert frechet_distance(one, two) == pytest.approx(frechet_distance(two, one))
    assert frechet_distance(one, two) > 1.0


def test_rounding_never_makes_it_negative() -> None:
    # Fewer rows than features: the covariance is singular.
    for seed in range(10):
        same = Statistics.of(features(5, 12, seed))
        assert 0.0 <= frechet_distance(same, same) < 1e-4


def test_order_does_not_matter() -> None:
    rows, other = features(seed=1), Statistics.of(features(seed=2))
    shuffled = np.random.default_rng(0).permutation(rows)
    first, second = Statistics.of(rows), Statistics.of(shuffled)
    assert frechet_distance(first, other) == pytest.approx(frechet_distance(second, other))


def test_one_feature_is_enough() -> None:
    one, two = np.array([[0.0], [2.0]]), np.array([[5.0], [9.0]])
    expected = 6.0**2 + (np.sqrt(8.0) - np.sqrt(2.0)) ** 2
    assert frechet_distance(Statistics.of(one), Statistics.of(two)) == pytest.approx(
        expected
    )


@pytest.mark.parametrize("rows", [np.ones((1, 3)), np.ones(3), np.array([[1.0], [np.nan]])])
def test_statistics_refuse(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="features must be"):
        Statistics.of(rows)


def test_frechet_distance_refuses_what_is_not_a_number() -> None:
    broken = Statistics(np.array([np.nan]), np.eye(1))
    with pytest.raises(ValueError, match="nan"):
        frechet_distance(broken, Statistics(np.zeros(1), np.eye(1)))
    with pytest.raises(ValueError, match="do not compare"):
        frechet_distance(Statistics(np.zeros(2), np.eye(2)), broken)


@pytest.mark.parametrize("part", [1, 7, 500])
def test_many_rows_are_read_a_part_at_a_time(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = features(101).astype(np.float32)
    whole = Statistics.of(rows)
    monkeypatch.setattr(feature_statistics, "_WHOLE", 100)
    monkeypatch.setattr(feature_statistics, "_PART", part)
    parts = Statistics.of(rows)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-10)
    rows[50, 3] = np.nan
    with pytest.raises(ValueError, match="features must be finite"):
        Statistics.of(rows)
