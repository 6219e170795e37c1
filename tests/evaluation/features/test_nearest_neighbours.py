"""Nearest neighbours: exact distances, and their classes."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.features import nearest_neighbours
from snowmelt.evaluation.features.nearest_neighbours import nearest_class, nearest_distance


def test_nearest_by_brute_force() -> None:
    random = np.random.default_rng(0)
    rows, among = random.normal(size=(300, 5)), random.normal(size=(70, 5))
    brute = np.sqrt(((rows[:, None] - among) ** 2).sum(axis=2)).min(axis=1)
    assert nearest_distance(rows, among) == pytest.approx(brute)


@pytest.mark.parametrize("pool", [1, 16, 70])
def test_nearest_does_not_depend_on_how_many_are_compared_at_a_time(
    pool: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    rows, among = random.normal(size=(300, 5)), random.normal(size=(70, 5))
    whole = nearest_distance(rows, among)
    monkeypatch.setattr(nearest_neighbours, "_POOL", pool)
    assert nearest_distance(rows, among) == pytest.approx(whole, rel=1e-6)


def test_a_copy_is_at_no_distance() -> None:
    among = 1000 + np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32)
    assert nearest_distance(among[:7], among).max() < 1e-3


def test_the_class_of_the_nearest_point() -> None:
    train = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], dtype=np.float32)
    rows = np.array([[9.0, 1.0], [1.0, 1.0], [0.0, 6.0]], dtype=np.float32)
    assert nearest_class(rows, train, np.array([5, 3, 4])).tolist() == [
        3,
        5,
        4,
    ]
