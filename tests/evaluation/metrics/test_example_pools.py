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


def asked(counts: list[int], samples: list[int]) -> Pool:
    """Rows of each class, beside samples that were asked to be of the classes."""
    classes = np.repeat(np.arange(len(counts)), counts)
    wanted = np.repeat(np.arange(len(samples)), samples)
    return Pool.of_asked(np.arange(len(classes)), classes, wanted)


def test_sets_of_asked_classes_have_their_shares_exactly() -> None:
    pool, random = asked([30, 30, 60], [100, 100, 200]), np.random.default_rng(0)
    assert pool.largest_count == 120
    for count, counts in ((120, [30, 30, 60]), (50, [12, 13, 25]), (8, [2, 2, 4])):
        for _ in range(20):
            sets = pool.draws(random, count)
            assert len(sets) == pool.parts(count) == {120: 1, 50: 2, 8: 15}[count]
            together = np.concatenate(sets)
            assert len(set(together.tolist())) == len(together)
            for rows in sets:
                assert sorted(np.bincount(pool.classes[rows]).tolist()) == sorted(counts)  # type: ignore[index]


def test_samples_and_real_examples_of_asked_classes_have_the_same_counts() -> None:
    samples, held_out = asked([70, 20, 11], [70, 20, 11]), asked([25, 7, 4], [70, 20, 11])
    random = np.random.default_rng(0)
    assert samples.largest_count == 101
    for count in range(1, held_out.largest_count + 1):
        one, two = (
            np.bincount(pool.classes[pool.draws(random, count)[0]], minlength=3)  # type: ignore[index]
            for pool in (samples, held_out)
        )
        assert one.tolist() == two.tolist()


def test_each_row_of_an_asked_class_is_drawn_as_often() -> None:
    pool, random = asked([10, 20], [1, 1]), np.random.default_rng(0)
    rows = np.concatenate([pool.draws(random, 8)[0] for _ in range(3000)])
    often = np.bincount(rows, minlength=30) / 3000
    assert often[:10] == pytest.approx([0.4] * 10, abs=0.04)
    assert often[10:] == pytest.approx([0.2] * 20, abs=0.04)


def test_one_asked_class_is_one_sample() -> None:
    pool = Pool.of_asked(np.arange(20), np.full(20, 3), np.full(50, 3))
    assert pool.classes is None
    assert pool.largest_count == 20


def test_the_variance_of_asked_classes_takes_single_rows_together() -> None:
    pool = asked([2, 1, 1], [4, 1, 3])
    # 1/4 of the variance 2 over two rows; 1/64 and 9/64 of that of 5 and 9, which is 8.
    found = pool.variance_of_mean(np.array([1.0, 3.0, 5.0, 9.0]))
    assert found == pytest.approx(2.0 / 2 / 4 + (1 + 9) / 64 * 8.0)
    alone = asked([3, 1], [3, 1])
    values = np.array([1.0, 2.0, 3.0, 50.0])
    assert alone.variance_of_mean(values) == pytest.approx(9 / 16 / 3)


def test_groups_of_asked_classes_lose_no_small_class() -> None:
    pool = asked([43, 3, 3, 3, 3], [43, 3, 3, 3, 3])
    groups = pool.groups(np.random.default_rng(0), 4)
    assert len({*np.concatenate(groups).tolist()}) == sum(map(len, groups)) == 52
    for rows in groups:
        counts = np.bincount(pool.classes[rows], minlength=5)  # type: ignore[index]
        assert counts[0] == 10
        assert counts[1:].sum() == 3


@pytest.mark.parametrize("counts", [[40, 40, 0], [40, 12, 0, 0, 3]])
def test_a_class_that_is_not_held_out_is_drawn_with_others(counts: list[int]) -> None:
    classes = np.repeat(np.arange(len(counts)), counts)
    shares = (np.array(counts) + 1) / (sum(counts) + len(counts))
    pool = Pool.of_held_out(np.arange(len(classes)), classes, shares)
    assert pool.classes is not None
    assert pool.shares is not None
    members = np.bincount(pool.classes, minlength=len(pool.shares))
    assert members[pool.shares > 0].min() >= 10
    assert pool.shares.sum() == pytest.approx(1.0)
    assert pool.largest_count >= 10
    assert len(pool.draws(np.random.default_rng(0), pool.largest_count)[0]) > 10


def test_of_two_classes_only_one_is_held_out() -> None:
    pool = Pool.of_held_out(np.arange(30), np.zeros(30, np.int64), np.array([0.9, 0.1]))
    assert pool.classes is None
    assert pool.largest_count == 30
