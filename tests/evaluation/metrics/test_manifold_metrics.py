"""Precision and the like of a whole evaluation: their counts and their spreads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from snowmelt.evaluation.features.feature_statistics import Statistics
from snowmelt.evaluation.metrics import sample_metrics
from snowmelt.evaluation.metrics.manifold_metrics import (
    coverage,
    density,
    precision,
    recall,
)
from snowmelt.evaluation.metrics.manifolds import precision_and_recall
from snowmelt.evaluation.metrics.sample_metrics import Context
from snowmelt.evaluation.settings import EvaluationSettings, ManifoldSettings

METRICS = (precision, recall, density, coverage)


def context(
    samples: np.ndarray, train: np.ndarray, held_out: np.ndarray, **changes: Any
) -> Context:
    """Features that are their own examples."""
    reference: Any = SimpleNamespace(
        extractor=SimpleNamespace(kind="images"),
        train=train,
        held_out=held_out,
        statistics=Statistics.of(train),
    )
    settings = EvaluationSettings(manifold=ManifoldSettings(**changes))
    return Context(samples, reference, settings)


@pytest.fixture(autouse=True)
def _own_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_metrics, "extract", lambda extractor, stored, desc: stored)


def normal(count: int, seed: int, dimension: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimension))


@pytest.mark.parametrize(
    ("sizes", "most", "count"),
    [
        ((50, 80, 40), 10_000, 40),
        ((30, 80, 40), 10_000, 30),
        ((50, 20, 40), 10_000, 20),
        ((50, 80, 40), 16, 16),
    ],
)
def test_as_many_of_both(sizes: tuple[int, int, int], most: int, count: int) -> None:
    samples, train, held_out = (normal(n, seed) for seed, n in enumerate(sizes))
    found = context(samples, train, held_out, examples=most)
    assert found.manifold_count == count
    added, covered = found.generated.density_and_coverage
    assert (len(added), len(covered)) == (count, count)
    assert len(found.held_out.density_and_coverage[0]) == count
    # The rows are chosen once: value and floor have the same training examples.
    assert found.manifold_train is found.manifold_train
    again = context(samples, train, held_out, examples=most)
    assert np.array_equal(found.manifold_train, again.manifold_train)


def test_neighbours_are_settings() -> None:
    samples, train, held_out = (normal(60, seed) for seed in range(3))
    few = context(samples, train, held_out, precision_neighbours=1, density_neighbours=1)
    many = context(samples, train, held_out)
    for metric in (precision, recall, coverage):
        assert metric(few.generated).value < metric(many.generated).value
    expected = precision_and_recall(samples, train, 1)
    assert precision(few.generated).value == expected[0]
    assert recall(few.generated).value == expected[1]


@pytest.mark.parametrize("dimension", [2, 16])
def test_spreads_are_those_of_fresh_samples(dimension: int) -> None:
    count, draws = 150, 60
    train, held_out = normal(count, 0, dimension), normal(count, 1, dimension)
    found = []
    for seed in range(2, 2 + draws):
        examples = context(normal(count, seed, dimension), train, held_out).generated
        found.append([(m(examples).value, m(examples).spread) for m in METRICS])
    values, spreads = np.moveaxis(np.array(found, dtype=float), 2, 0)
    ratio = values.std(axis=0, ddof=1) / spreads.mean(axis=0)
    # The scatter of 60 draws is known to a tenth.
    assert (ratio > 0.65).all(), ratio
    assert (ratio < 1.35).all(), ratio


def test_all_and_none_are_not_certain() -> None:
    train, held_out = normal(60, 0), normal(60, 1)
    same, far = context(train, train, held_out), context(train + 99.0, train, held_out)
    for metric, factor in ((precision, 1.0), (recall, 2.0**0.5), (coverage, 2.0**0.5)):
        error = pytest.approx(factor * (61 / (62**2 * 63)) ** 0.5)
        for of, value in ((same, 1.0), (far, 0.0)):
            found = metric(of.generated)
            assert (found.value, found.spread) == (value, error)


def test_a_perfect_model_and_a_wrong_one() -> None:
    samples, train, held_out = (normal(200, seed) for seed in range(3))
    perfect = context(samples, train, held_out)
    far = context(samples + 6.0, train, held_out)
    for metric in METRICS:
        value, floor = metric(perfect.generated), metric(perfect.held_out)
        assert value.value == pytest.approx(floor.value, abs=0.15)
        assert metric(far.generated).value < 0.05
