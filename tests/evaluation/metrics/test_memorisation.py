"""What copies look like."""

from __future__ import annotations

import math

import numpy as np
import pytest

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics import memorisation
from snowmelt.evaluation.metrics.nearest_examples import Nearest, nearest
from snowmelt.evaluation.metrics.neighbourhood import row_weights


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_the_share_within_is_exact_for_known_distances() -> None:
    held_out = np.arange(1.0, 100.0)  # 99 distances: the fifth has 5 % below it
    assert memorisation.quantile(held_out, 0.05) == 5.0
    samples = np.concatenate([np.full(30, 4.0), np.full(70, 50.0)])
    found = memorisation.share_within(samples, held_out, 0.05)
    assert found.value == 0.3
    # Where no sample is near the limit, its uncertainty changes little.
    alone = Estimate.of_share(30, 100).spread
    assert found.spread is not None
    assert alone is not None
    assert found.spread > alone


def test_the_interval_of_the_memorised_share_holds() -> None:
    random = np.random.default_rng(0)
    inside, values = [], []
    for _ in range(400):
        held_out, samples = random.normal(size=300) ** 2, random.normal(size=500) ** 2
        found = memorisation.share_within(samples, held_out, 0.05)
        assert found.spread is not None
        inside.append(abs(found.value - 0.05) < 1.96 * found.spread)
        values.append(found.value)
    assert np.mean(values) == pytest.approx(0.05, abs=0.002)
    assert 0.90 < np.mean(inside) <= 0.99


def test_a_few_copies_show_in_the_memorised_share() -> None:
    train, held_out, fresh = (draws(2000, 8, seed=s) for s in range(3))
    copies = np.concatenate([fresh[:1800], train[:200]])
    base = nearest(held_out, train).distance
    for samples, expected in ((fresh, 0.05), (copies, 0.9 * 0.05 + 0.1)):
        found = memorisation.share_within(nearest(samples, train).distance, base, 0.05)
        assert found.spread is not None
        assert found.value == pytest.approx(expected, abs=3 * found.spread)
    assert found.value - 1.96 * found.spread > 0.05


def test_copies_are_three_times_nearer_than_any_other() -> None:
    found = Nearest(
        distance=np.array([0.0, 1.0, 1.0, 0.0]),
        second=np.array([3.0, 3.1, 2.9, 0.0]),
        row=np.zeros(4, np.int64),
    )
    assert memorisation.is_copy(found).tolist() == [True, True, False, True]


def test_the_data_copying_test_by_hand_and_its_law() -> None:
    # Every sample is nearer than every held-out example: U = 0.
    z = memorisation.copying_z(np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0]))
    assert z == pytest.approx(-3.0 / math.sqrt(2 * 3 * 6 / 12))
    assert memorisation.copying_z(np.ones(4), np.ones(5)) == 0.0
    random = np.random.default_rng(0)
    found = [
        memorisation.copying_z(random.normal(size=80), random.normal(size=60))
        for _ in range(600)
    ]
    assert np.mean(found) == pytest.approx(0.0, abs=0.12)
    assert np.std(found) == pytest.approx(1.0, abs=0.1)


def test_nearer_to_training_is_one_half_unless_it_was_learnt() -> None:
    values, inside = [], []
    for seed in range(120):
        train, held_out, samples = (draws(60, 3, seed=3 * seed + k) for k in range(3))
        one, two = nearest(samples, train), nearest(samples, held_out)
        found = memorisation.share_of_first(*row_weights(one, two, 60))
        assert found.spread is not None
        values.append(found.value)
        inside.append(abs(found.value - 0.5) < 1.96 * found.spread)
    assert np.mean(values) == pytest.approx(0.5, abs=0.02)
    assert np.mean(inside) > 0.88
    close = train + 1e-3
    one, two = nearest(close, train), nearest(close, held_out)
    assert memorisation.share_of_first(*row_weights(one, two, 60)).value > 0.95
    # A sample that is in both counts half for each.
    both = nearest(train, train), nearest(train, train)
    assert memorisation.share_of_first(*row_weights(*both, 60)).value == 0.5
