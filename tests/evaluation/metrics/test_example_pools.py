"""Pools of examples, and that sets are drawn of them as a model draws."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.metrics.example_pools import Pool


def even(count: int, kinds: int) -> np.ndarray:
    """The classes of a stratified set."""
    return np.arange(count) % kinds


def held_out(count: int = 400, kinds: int = 4) -> Pool:
    shares = np.full(kinds, 1 / kinds)
    return Pool.of_held_out(np.arange(count), even(count, kinds), shares)


def test_one_sample_is_cut_into_sets_with_nothing_in_common() -> None:
    sets = Pool(np.arange(100)).draws(np.random.default_rng(0), 30)
    assert [len(rows) for rows in sets] == [30] * 3
    assert len(set(np.concatenate(sets).tolist())) == 90
    (whole,) = Pool(np.arange(100)).draws(np.random.default_rng(0), 70)
    assert len(set(whole.tolist())) == 70


def test_held_out_sets_have_the_shares_of_independent_draws() -> None:
    pool, random = held_out(), np.random.default_rng(0)
    counts = []
    for _ in range(2000):
        (rows,) = pool.draws(random, 200)
        assert len(set(rows.tolist())) == 200
        counts.append(np.bincount(rows % 4, minlength=4))
    # Of 200 independent draws a fourth has the variance 200 / 4 * 3 / 4; subsets drawn
    # without regard to classes would have half of it.
    found = np.array(counts)
    assert found.mean(axis=0) == pytest.approx([50] * 4, abs=0.6)
    assert found.var(axis=0) == pytest.approx([37.5] * 4, rel=0.12)


def test_the_shares_are_those_of_the_training_split() -> None:
    pool = Pool.of_held_out(np.arange(400), even(400, 4), np.array([0.1, 0.2, 0.3, 0.4]))
    random = np.random.default_rng(0)
    rows = np.concatenate([pool.draws(random, 100)[0] for _ in range(300)])
    shares = np.bincount(rows % 4, minlength=4) / len(rows)
    assert shares == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.01)


def test_the_largest_count_runs_out_of_no_class() -> None:
    pool, random = held_out(), np.random.default_rng(0)
    count = pool.largest_count
    assert 280 < count < 330
    wanted = random.multinomial(count, [0.25] * 4, size=20_000)
    assert 1e-5 < (wanted > 100).any(axis=1).mean() < 2e-3
    wanted = random.multinomial(count + 20, [0.25] * 4, size=20_000)
    assert (wanted > 100).any(axis=1).mean() > 2e-3
    assert len(pool.draws(random, count)[0]) == count


def test_a_class_that_is_short_lowers_the_count() -> None:
    classes = np.repeat([0, 1], [380, 20])
    pool = Pool.of_held_out(np.arange(400), classes, np.array([0.5, 0.5]))
    # Of 25 fair draws more than 20 are of one kind once in 2,200 times, of 26 once in 820.
    assert pool.largest_count == 25


@pytest.mark.parametrize("classes", [None, np.zeros(50, np.int64)])
def test_without_classes_all_can_be_drawn(classes: np.ndarray | None) -> None:
    shares = None if classes is None else np.ones(1)
    pool = Pool.of_held_out(np.arange(50), classes, shares)
    assert pool.largest_count == 50
    assert pool.classes is None


def test_rare_classes_are_drawn_as_one() -> None:
    classes = np.repeat(np.arange(8), [40, 40, 3, 3, 3, 3, 3, 0])
    shares = np.bincount(classes, minlength=8) / len(classes)
    pool = Pool.of_held_out(np.arange(len(classes)), classes, shares)
    assert pool.classes is not None
    assert pool.shares is not None
    members = np.bincount(pool.classes)
    assert sorted(members.tolist()) == [15, 40, 40]
    assert pool.shares == pytest.approx(members / members.sum())
    few = Pool.of_held_out(np.arange(12), even(12, 6), np.full(6, 1 / 6))
    assert few.largest_count == 12


def test_groups_share_no_row_and_have_the_classes_alike() -> None:
    groups = held_out(410, 4).groups(np.random.default_rng(0), 4)
    assert len({*np.concatenate(groups).tolist()}) == sum(map(len, groups)) == 400
    for rows in groups:
        assert np.bincount(rows % 4).tolist() == [25] * 4


def test_the_variance_of_a_mean_knows_the_classes() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=400) + 10 * even(400, 4)
    apart = held_out().variance_of_mean(values)
    assert apart == pytest.approx(1 / 400, rel=0.2)
    assert Pool(np.arange(400)).variance_of_mean(values) > 50 * apart
