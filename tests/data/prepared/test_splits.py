"""Laws of the split."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.splits import Split, quotas, split


def random_split(count: int, fraction: float = 0.2, seed: int = 0) -> Split:
    return split(count, labels=None, official=None, fraction=fraction, seed=seed)


@pytest.mark.parametrize("count", [7, 10, 11, 997])
@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.7])
def test_each_row_is_in_one_split(count: int, fraction: float) -> None:
    chosen = random_split(count, fraction)
    rows = np.concatenate([chosen.train, chosen.held_out])
    assert sorted(rows.tolist()) == list(range(count))
    assert len(chosen.held_out) == round(fraction * count)
    assert chosen.kind == "random"


def test_the_seed_decides() -> None:
    first, again, other = (
        random_split(100),
        random_split(100),
        random_split(100, seed=1),
    )
    assert np.array_equal(first.train, again.train)
    assert np.array_equal(first.held_out, again.held_out)
    assert not np.array_equal(first.held_out, other.held_out)


def test_each_class_gives_its_share_and_the_total_is_exact() -> None:
    labels = np.repeat([0, 1, 2], [7, 33, 61])
    chosen = split(101, labels=labels, official=None, fraction=0.2, seed=3)
    held = np.bincount(labels[chosen.held_out], minlength=3)
    assert held.sum() == 20
    assert np.all(np.abs(held - 0.2 * np.array([7, 33, 61])) < 1)
    assert chosen.kind == "stratified"


def test_largest_remainders() -> None:
    # 0.25 of (5, 6, 7, 2) is (1.25, 1.5, 1.75, 0.5); the total is 5.
    assert quotas(np.array([5, 6, 7, 2]), 0.25).tolist() == [1, 2, 2, 0]


def test_a_class_of_one_stays_in_training() -> None:
    labels = np.array([0] * 10 + [1])
    for seed in range(5):
        chosen = split(11, labels=labels, official=None, fraction=0.9, seed=seed)
        assert 10 in chosen.train
        assert set(labels[chosen.train].tolist()) == {0, 1}


def test_an_official_split_is_kept_and_its_rows_are_mixed() -> None:
    official = np.arange(50) >= 40
    chosen = split(50, labels=None, official=official, fraction=None, seed=0)
    assert sorted(chosen.held_out.tolist()) == list(range(40, 50))
    assert chosen.train.tolist() != sorted(chosen.train.tolist())
    assert chosen.kind == "official"


def test_the_first_rows_are_a_fair_sample_of_sorted_classes() -> None:
    labels = np.repeat(np.arange(10), 100)
    chosen = split(1000, labels=labels, official=None, fraction=0.2, seed=0)
    for rows in (chosen.train[:100], chosen.held_out[:100]):
        counts = np.bincount(labels[rows], minlength=10)
        assert counts.min() >= 2
        assert counts.max() <= 22


@pytest.mark.parametrize(
    ("count", "fraction", "part"),
    [(3, 0.2, "held-out"), (5, 0.1, "held-out"), (3, 0.9, "training")],
)
def test_two_rows_at_least(count: int, fraction: float, part: str) -> None:
    with pytest.raises(UserError, match=f"the {part} split.*at least 2"):
        random_split(count, fraction)


def test_an_official_split_needs_two_rows_as_well() -> None:
    with pytest.raises(UserError, match="1 of 9 examples fall into the held-out"):
        split(9, labels=None, official=np.arange(9) == 0, fraction=None, seed=0)


def test_null_is_only_for_official_splits() -> None:
    with pytest.raises(UserError, match=r"data\.held_out_fraction is null"):
        split(9, labels=None, official=None, fraction=None, seed=0)
