"""The fast Frechet distance and its derivative, beside the library's."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.features.feature_statistics import Statistics, frechet_distance
from snowmelt.evaluation.metrics.frechet_statistic import FrechetTo


def rows(count: int, seed: int, dimension: int = 6) -> np.ndarray:
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(dimension, dimension))
    return random.normal(size=(count, dimension)) @ mixing + 0.3 * seed


@pytest.mark.parametrize(("count", "dimension"), [(200, 6), (5, 6), (30, 1)])
def test_it_equals_the_library(count: int, dimension: int) -> None:
    reference = Statistics.of(rows(300, 1, dimension))
    given = rows(count, 2, dimension)
    expected = frechet_distance(Statistics.of(given), reference)
    assert FrechetTo(reference)(given) == pytest.approx(expected, rel=1e-6)


def test_a_feature_that_never_varies_does_no_harm() -> None:
    reference, given = rows(300, 1), rows(50, 2)
    reference[:, 2] = given[:, 2] = 1.0
    distance = FrechetTo(Statistics.of(reference))
    expected = frechet_distance(Statistics.of(given), Statistics.of(reference))
    assert distance(given) == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(distance.gradient(given)).all()


def test_the_influence_is_the_derivative() -> None:
    # A row that is added to many moves the distance by its influence over their number.
    given, others = rows(20_000, 2), rows(8, 3)
    distance = FrechetTo(Statistics.of(rows(300, 1)))
    gradient = distance.gradient(given)
    influence = distance.influence(np.concatenate([given, others]), gradient)
    influence -= influence[: len(given)].mean()
    moved = [
        (len(given) + 1)
        * (distance(np.concatenate([given, other[None]])) - distance(given))
        for other in others
    ]
    assert influence[len(given) :] == pytest.approx(moved, rel=0.01, abs=0.01)


def test_the_influence_with_fewer_rows_than_features() -> None:
    given = rows(4, 2)
    distance = FrechetTo(Statistics.of(rows(300, 1)))
    wide = distance.influence(given, distance.gradient(given))
    assert wide.shape == (4,)
    assert np.isfinite(wide).all()


def test_a_single_row_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="two rows, got 1"):
        FrechetTo(Statistics.of(rows(300, 1)))(rows(1, 2))
