"""Precision, recall, density and coverage: by hand, by loops and beside torch-fidelity."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch_fidelity.metric_prc import calculate_precision_recall_full

from snowmelt.evaluation.metrics import manifolds
from snowmelt.evaluation.metrics.manifolds import (
    density_and_coverage,
    precision_and_recall,
)


def cloud(count: int, seed: int, shift: float = 0.0, dimension: int = 5) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, dimension)) + shift).astype(np.float32)


def by_loops(samples: np.ndarray, real: np.ndarray, k: int) -> tuple[float, ...]:
    """The definitions, one pair at a time."""

    def radius(rows: np.ndarray, place: int) -> float:
        return sorted(math.dist(row, rows[place]) for row in rows)[k]

    def inside(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        radii = [radius(rows, place) for place in range(len(rows))]
        return np.array(
            [
                [math.dist(point, row) <= r for row, r in zip(rows, radii, strict=True)]
                for point in points
            ]
        )

    of_samples = inside(samples, real)
    return (
        of_samples.any(axis=1).mean(),
        inside(real, samples).any(axis=1).mean(),
        of_samples.sum() / (k * len(samples)),
        of_samples.any(axis=0).mean(),
    )


def all_four(samples: np.ndarray, real: np.ndarray, k: int) -> tuple[float, ...]:
    density, coverage = density_and_coverage(samples, real, k)
    return (
        *precision_and_recall(samples, real, k),
        float(density.mean()),
        float(coverage.mean()),
    )


def test_by_hand() -> None:
    # On a line, with the nearest neighbour: balls of 1, 1, 1 and 7 around 0, 1, 2 and 9.
    real = np.array([[0.0], [1.0], [2.0], [9.0]])
    samples = np.array([[0.5], [0.6], [17.0], [3.5]])
    # 0.5 and 0.6 lie in two balls each, 3.5 in that of the outlier alone, 17 in none.
    density, coverage = density_and_coverage(samples, real, 1)
    assert density.tolist() == [2.0, 2.0, 0.0, 1.0]
    assert coverage.tolist() == [1.0, 1.0, 0.0, 1.0]
    # Balls of 0.1, 0.1, 13.5 and 2.9 around the samples reach 1, 2 and 9.
    assert precision_and_recall(samples, real, 1) == (0.75, 0.75)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_they_are_their_definitions(
    k: int, shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, real = cloud(40, 1, shift), cloud(50, 2)
    found = all_four(samples, real, k)
    assert found == pytest.approx(by_loops(samples, real, k))
    wide = (torch.from_numpy(rows).double() for rows in (samples, real))
    assert found[:2] == pytest.approx(calculate_precision_recall_full(*wide, k))
    # In blocks of a few rows, the last of them smaller.
    monkeypatch.setattr(manifolds, "_BLOCK", 1)
    monkeypatch.setattr(manifolds, "_FEWEST_ROWS", 7)
    assert all_four(samples, real, k) == pytest.approx(found)


def test_one_distribution() -> None:
    """Density is 1 and coverage is known in expectation, over repetitions."""
    count, k, repetitions = 60, 5, 80
    found = np.array(
        [
            all_four(cloud(count, 2 * seed), cloud(count, 2 * seed + 1), k)
            for seed in range(repetitions)
        ]
    )
    mean, error = found.mean(axis=0), found.std(axis=0) / math.sqrt(repetitions)
    missed = math.prod((count - m) / (2 * count - m) for m in range(1, k + 1))
    assert abs(mean[2] - 1.0) < 4 * error[2] + 0.02
    assert mean[3] == pytest.approx(1 - missed, abs=4 * error[3])


def test_what_is_missing_and_what_is_wrong() -> None:
    real = np.concatenate((cloud(100, 0), cloud(100, 1, 20.0)))
    half, noise = cloud(200, 2), cloud(200, 3, -20.0)
    precision, recall, _, coverage = all_four(half, real, 5)
    assert precision > 0.9
    assert 0.3 < recall < 0.55  # one of two lumps is not there
    assert 0.4 < coverage < 0.55
    assert all_four(noise, real, 5)[0] < 0.05
    copies = np.repeat(real[:1], 50, axis=0)
    precision, recall, _, coverage = all_four(copies, real, 5)
    assert precision == 1.0
    assert max(recall, coverage) < 0.1


def test_an_outlier_is_kind_to_precision_alone() -> None:
    real = np.concatenate((cloud(100, 0), cloud(1, 1, 12.0)))
    between = cloud(100, 2, 6.0)
    precision, _, density, _ = all_four(between, real, 3)
    assert precision > 0.9
    assert density < 0.5


def test_more_neighbours_than_there_are() -> None:
    rows = cloud(3, 0)
    assert all_four(rows, rows, 100) == (1.0, 1.0, 1.5, 1.0)
    assert all_four(rows[:2], rows, 3)[0] == 1.0


def test_memory_does_not_grow_with_the_square() -> None:
    for count in (1000, 50_000, 100_000):
        assert manifolds._rows(count) * count <= max(2**23, 64 * count)
