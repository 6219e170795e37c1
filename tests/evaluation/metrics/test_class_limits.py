"""Perfect models break the limits of chance in one set of twenty at most."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from scipy import stats

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.class_limits import Chance

TRIES = 4000
# Three standard errors of a share of a twentieth.
MOST = 0.05 + 3 * math.sqrt(0.05 * 0.95 / TRIES)


def broken(counts: np.ndarray, low: float, high: float) -> float:
    """In how many sets any class is beyond the limits. Shapes: (sets, K)"""
    return float(np.mean(((counts < low) | (counts > high)).any(axis=1)))


@functools.cache
def of_draws(total: int, share: float, error: float, classes: int) -> tuple[float, float]:
    return Chance.of_draws(total, share, error).limits(classes)


@functools.cache
def of_asked(
    total: int, asked: int, missed: tuple[int, int], taken: tuple[int, int], classes: int
) -> tuple[float, float]:
    return Chance.of_asked(total, asked, missed, taken).limits(classes)


@pytest.mark.parametrize(
    ("classes", "total", "with_normal"),
    [
        (10, 1000, 0.05),
        (26, 64, 0.08),
        (100, 1000, 0.14),
        (1000, 10_000, 0.27),
        (100, 100, 0.30),
    ],
)
def test_all_classes_together_are_wrong_one_time_in_twenty(
    classes: int, total: int, with_normal: float
) -> None:
    due = 1 / classes
    drawn = np.random.default_rng(0).multinomial(total, np.full(classes, due), TRIES)
    low, high = of_draws(total, due, 0.0, classes)
    wrong = broken(drawn, round(low * total), round(high * total))
    assert 0.005 < wrong < MOST
    reach = stats.norm.ppf(1 - 0.05 / (2 * classes)) * math.sqrt(total * due * (1 - due))
    normal = broken(drawn, due * total - reach, due * total + reach)
    assert normal == pytest.approx(with_normal, abs=0.02)


def test_the_tails_are_those_of_the_binomial_distribution() -> None:
    low, high = Chance.of_draws(100, 0.01, 0.0).limits(100)
    assert (low, high) == (0.0, 0.06)
    assert stats.binom.sf(6, 100, 0.01) <= 0.00025 < stats.binom.sf(5, 100, 0.01)
    # An error of what is due widens both sides; without any knowledge there is no limit.
    wider = Chance.of_draws(1000, 0.1, 0.02).limits(10)
    exact = Chance.of_draws(1000, 0.1, 0.0).limits(10)
    assert wider[0] < exact[0] < exact[1] < wider[1]
    assert Chance.of_draws(50, 0.5, 0.5).limits(2) == (0.0, 1.0)


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("mistakes", [0.002, 0.03])
def test_mistakes_in_telling_are_counted(classes: int, mistakes: float) -> None:
    """Samples and held-out examples, told by one who is at times wrong."""
    random, held_out, total, tries = np.random.default_rng(1), 400, 1000, 300
    true = np.arange(held_out) % classes
    wrong = 0
    for _ in range(tries):
        told = confused(true, classes, mistakes, random)
        named = confused(random.integers(0, classes, total), classes, mistakes, random)
        got = np.bincount(named, minlength=classes) / total
        for number in range(classes):
            moved = int(np.sum((told == number) != (true == number)))
            due = 1 / classes + np.mean(told == number) - np.mean(true == number)
            error = Estimate.of_share(moved, held_out).spread or 0.0
            low, high = of_draws(total, round(due, 9), error, classes)
            if not low - 1e-9 <= got[number] <= high + 1e-9:
                wrong += 1
                break
    assert wrong / tries < 0.05 + 3 * math.sqrt(0.05 * 0.95 / tries)


@pytest.mark.parametrize("classes", [4, 10, 40])
@pytest.mark.parametrize("mistakes", [0.002, 0.03, 0.2])
def test_asked_classes_vary_by_mistakes_alone(classes: int, mistakes: float) -> None:
    random, held_out, total, tries = np.random.default_rng(2), 400, 1000, 300
    true, asked = np.arange(held_out) % classes, np.arange(total) % classes
    wrong = 0
    widths = []
    for _ in range(tries):
        told = confused(true, classes, mistakes, random)
        got = np.bincount(confused(asked, classes, mistakes, random), minlength=classes)
        for number in range(classes):
            low, high = asked_limits(number, true, told, asked, classes)
            widths.append(high - low)
            if not low - 1e-9 <= got[number] / total <= high + 1e-9:
                wrong += 1
                break
    assert wrong / tries < 0.05 + 3 * math.sqrt(0.05 * 0.95 / tries)
    drawn = Chance.of_draws(total, 1 / classes, 0.0).limits(classes)
    if mistakes == 0.002 and classes == 10:
        assert np.mean(widths) < 0.5 * (drawn[1] - drawn[0])


def test_without_chance_in_the_classes_a_small_deviation_shows() -> None:
    """Of 100 sevens asked for, 15 came as ones: multinomial limits would miss it."""
    true, asked = np.arange(400) % 10, np.arange(1000) % 10
    told = true.copy()
    told[7] = 1  # one mistake
    low, high = asked_limits(7, true, told, asked, 10)
    assert low > 0.08
    assert high < 0.115
    assert Chance.of_draws(1000, 0.1, 0.0).limits(10)[0] < 0.075


@pytest.mark.parametrize(("classes", "total"), [(10, 1000), (100, 1000), (100, 100)])
def test_four_of_five_sets_show_what_is_called_visible(classes: int, total: int) -> None:
    due = 1 / classes
    chance = Chance.of_draws(total, due, 0.0)
    limit = chance.limits(classes)[1]
    counts = np.random.default_rng(3).binomial(
        total, due + chance.visible(classes), size=20_000
    )
    shown = np.mean(counts / total > limit + 1e-9)
    assert shown == pytest.approx(0.8, abs=0.06)  # counts are whole


def confused(
    labels: np.ndarray, classes: int, mistakes: float, random: np.random.Generator
) -> np.ndarray:
    """Labels as they are told, some as any other class."""
    other = (labels + random.integers(1, classes, len(labels))) % classes
    return np.where(random.random(len(labels)) < mistakes, other, labels)


def asked_limits(
    number: int, true: np.ndarray, told: np.ndarray, asked: np.ndarray, classes: int
) -> tuple[float, float]:
    is_true, is_told = true == number, told == number
    missed = int(np.sum(is_true & ~is_told)), int(is_true.sum())
    taken = int(np.sum(is_told & ~is_true)), int(np.sum(~is_true))
    return of_asked(len(asked), int(np.sum(asked == number)), missed, taken, classes)
