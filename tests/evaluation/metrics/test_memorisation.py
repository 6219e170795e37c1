"""Nearest neighbours: exact distances, and what copies look like."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.metrics import memorisation


def test_nearest_by_brute_force() -> None:
    random = np.random.default_rng(0)
    rows, among = random.normal(size=(300, 5)), random.normal(size=(70, 5))
    brute = np.sqrt(((rows[:, None] - among) ** 2).sum(axis=2)).min(axis=1)
    assert memorisation.nearest(rows, among) == pytest.approx(brute)


def test_a_copy_is_at_no_distance() -> None:
    among = 1000 + np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32)
    assert memorisation.nearest(among[:7], among).max() < 1e-3


def test_near_share() -> None:
    random = np.random.default_rng(0)
    train, held_out, fresh = (random.normal(size=(400, 4)) for _ in range(3))
    typical = memorisation.typical_distance(held_out, train)
    assert memorisation.near_share(held_out, train, typical) == pytest.approx(0.5, abs=0.01)
    assert memorisation.near_share(fresh, train, typical) == pytest.approx(0.5, abs=0.08)
    assert memorisation.near_share(train[:50], train, typical) == 1.0
    assert memorisation.near_share(fresh + 50.0, train, typical) == 0.0
