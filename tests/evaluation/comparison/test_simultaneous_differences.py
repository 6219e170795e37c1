"""What is said to differ differs, in 95 of 100 sweeps, however many settings there are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from snowmelt.evaluation.comparison.simultaneous_differences import (
    Difference,
    SimultaneousDifferences,
)


def settings(table: np.ndarray) -> dict[str, dict[str, float]]:
    """Values by setting and seed. Shapes: table: (settings, seeds)"""
    return {
        f"s{place}": {str(seed): float(value) for seed, value in enumerate(row)}
        for place, row in enumerate(table)
    }


def is_any_found(found: SimultaneousDifferences, names: list[str]) -> bool:
    return any(
        found.between(one, two).is_found
        for place, one in enumerate(names)
        for two in names[:place]
    )


SWEEPS = 400
BOUND = 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / SWEEPS)  # of a rate of 5 %, once in 200


@pytest.mark.parametrize("count", [2, 3, 5, 8, 13])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_equal_settings_are_seldom_said_to_differ(count: int, seeds: int) -> None:
    """Sweeps in which at least one pair of equal settings is found: at most 5 %."""
    rng = np.random.default_rng(count * 100 + seeds)
    wrong = 0
    for _ in range(SWEEPS):
        of_seed = rng.standard_normal(seeds)
        table = np.exp(0.1 * of_seed + 0.05 * rng.standard_normal((count, seeds)))
        found = SimultaneousDifferences(settings(table), is_relative=True)
        assert found.is_paired
        wrong += is_any_found(found, list(settings(table)))
    assert wrong / SWEEPS < BOUND


@pytest.mark.parametrize("is_relative", [False, True])
def test_nor_where_settings_scatter_differently(is_relative: bool) -> None:
    """Two equal settings scatter three times as much as three others, which are better."""
    rng = np.random.default_rng(7)
    scatter = np.array([0.03, 0.03, 0.03, 0.09, 0.09])[:, None]
    level = np.array([1.0, 1.0, 1.0, 2.0, 2.0])[:, None]
    wrong = 0
    for _ in range(SWEEPS):
        table = level + scatter * rng.standard_normal((5, 3))
        found = SimultaneousDifferences(settings(table), is_relative)
        wrong += found.between("s3", "s4").is_found
    assert wrong / SWEEPS < BOUND


def test_nor_with_other_seeds_on_each_side() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(SWEEPS):
        values = {
            name: {f"{name}{n}": float(rng.normal(3, 0.2)) for n in range(count)}
            for name, count in (("a", 2), ("b", 3), ("c", 5))
        }
        found = SimultaneousDifferences(values, is_relative=True)
        assert not found.is_paired
        wrong += is_any_found(found, ["a", "b", "c"])
    assert wrong / SWEEPS < BOUND


def test_a_difference_that_is_told_as_visible_is_found_in_four_of_five() -> None:
    rng = np.random.default_rng(5)
    scatter, seeds, count = 0.05, 4, 3
    table = scatter * rng.standard_normal((200, count, seeds))
    told = [_first_two(one).visible for one in table]
    shift = math.log(np.median(told)) * np.array([[1.0], [0.0], [0.0]])
    found = [_first_two(one + shift).is_found for one in table]
    assert 0.7 < np.mean(found) < 0.95


def _first_two(logarithms: np.ndarray) -> Difference:
    values = settings(np.exp(logarithms))
    return SimultaneousDifferences(values, is_relative=True).between("s0", "s1")


def test_two_settings_with_the_same_seeds_are_the_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(3, 0.3, (2, 4)) + np.array([[0.0], [0.5]])
    found = SimultaneousDifferences(settings(table), is_relative=False).between("s1", "s0")
    expected = stats.ttest_rel(table[1], table[0])
    interval = expected.confidence_interval(0.95)
    assert found.value == pytest.approx(table[1].mean() - table[0].mean())
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.is_found == (expected.pvalue < 0.05)


def test_several_settings_are_tukeys_test() -> None:
    """scipy's own, of groups that scatter so alike that the common variance decides."""
    groups = [[1.0, 1.2, 1.1], [2.0, 2.2, 2.1], [1.3, 1.5, 1.4]]
    values = {
        str(place): {f"{place}{n}": value for n, value in enumerate(group)}
        for place, group in enumerate(groups)
    }
    found = SimultaneousDifferences(values, is_relative=False)
    expected = stats.tukey_hsd(*groups).confidence_interval(0.95)
    for one in range(3):
        for two in range(one):
            told = found.between(str(one), str(two))
            assert told.low == pytest.approx(expected.low[one, two], abs=1e-6)
            assert told.high == pytest.approx(expected.high[one, two], abs=1e-6)


def test_what_a_seed_does_to_all_settings_drops_out() -> None:
    of_seed = np.array([0.0, 5.0, -3.0])
    table = of_seed + np.array([[10.0, 10.1, 9.9], [11.0, 11.0, 11.1], [10.5, 10.4, 10.6]])
    paired = SimultaneousDifferences(settings(table), is_relative=False)
    assert paired.between("s1", "s0").is_found
    apart = {
        name: {name + s: v for s, v in one.items()} for name, one in settings(table).items()
    }
    assert not SimultaneousDifferences(apart, False).between("s1", "s0").is_found


def test_ratios_are_of_geometric_means() -> None:
    found = SimultaneousDifferences(
        settings(np.array([[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]])), is_relative=True
    ).between("s1", "s0")
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))
    assert found.is_found


def test_seeds_without_any_spread_are_apart_only_if_they_differ() -> None:
    table = np.array([[1.0, 1.0], [1.0, 1.0], [1.1, 1.1]])
    found = SimultaneousDifferences(settings(table), is_relative=False)
    assert not found.between("s0", "s1").is_found
    assert found.between("s0", "s2").is_found


def test_more_seeds_are_needed_for_less() -> None:
    rng = np.random.default_rng(2)
    table = np.exp(0.1 * rng.standard_normal((3, 3)))
    found = SimultaneousDifferences(settings(table), is_relative=True)
    needed = [found.seeds_for(size) for size in (2.0, 1.3, 1.1)]
    assert all(one is not None for one in needed)
    assert needed == sorted(needed)
    assert needed[0] < needed[-1]
    assert found.seeds_for(1.0001) is None
    # The difference that these seeds show needs these seeds: up to one, for a round number.
    own = SimultaneousDifferences(settings(np.exp(table)), is_relative=False)
    size = (own.between("s0", "s1").visible, own.between("s1", "s2").visible)
    assert min(own.seeds_for(one) for one in size) <= 3


@pytest.mark.parametrize(
    "values",
    [{"a": {"0": 1.0, "1": 2.0}}, {"a": {"0": 1.0, "1": 2.0}, "b": {"0": 1.0}}],
)
def test_too_few_are_refused(values: dict[str, dict[str, float]]) -> None:
    with pytest.raises(ValueError, match="two settings or more"):
        SimultaneousDifferences(values, is_relative=False)


def test_a_value_below_zero_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="no ratio"):
        SimultaneousDifferences(settings(np.array([[1.0, -1.0], [1.0, 2.0]])), True)
