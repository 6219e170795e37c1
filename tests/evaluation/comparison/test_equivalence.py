"""Two one-sided tests: how often they say what is wrong, and how often what is right."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from snowmelt.evaluation.comparison.compared_models import Known
from snowmelt.evaluation.comparison.equivalence import Answer, Equivalence
from snowmelt.evaluation.features.feature_statistics import Statistics
from snowmelt.evaluation.metrics.example_pools import Pool
from snowmelt.evaluation.metrics.frechet_statistic import FrechetTo
from snowmelt.evaluation.metrics.subsets import at_count

EQUIVALENT, DIFFERENT, UNKNOWN = Answer
MARGIN, TRIES = 0.05, 20_000
# Four standard errors of a share of a twentieth.
CHANCE = 4 * math.sqrt(0.05 * 0.95 / TRIES)


def answers(ratio: float, errors: tuple[float, float]) -> dict[Answer, float]:
    """How often each answer comes where the value is `ratio` of a reference of one.

    Args:
        errors: of the reference and of the value.
    """
    random = np.random.default_rng(0)
    draws = random.normal((1.0, ratio), errors, (TRIES, 2))
    found = Counter(
        Equivalence(Known(one, errors[0]), Known(two, errors[1]), MARGIN).answer
        for one, two in draws.tolist()
    )
    return {answer: found[answer] / TRIES for answer in Answer}


@pytest.mark.parametrize("ratio", [0.95, 1.05])
@pytest.mark.parametrize("errors", [(0.005, 0.005), (0.012, 0.004), (0.004, 0.012)])
def test_two_at_the_margin_are_called_equivalent_in_a_twentieth_at_most(
    ratio: float, errors: tuple[float, float]
) -> None:
    found = answers(ratio, errors)
    # With small errors the level is used up, so that the tests are no more timid than due.
    assert found[EQUIVALENT] == pytest.approx(0.05, abs=CHANCE)
    assert found[DIFFERENT] == pytest.approx(0.025, abs=CHANCE)


@pytest.mark.parametrize("error", [0.01, 0.03, 0.1])
def test_large_errors_make_nothing_equivalent(error: float) -> None:
    for ratio in (0.95, 1.05):
        found = answers(ratio, (error, error))
        assert found[EQUIVALENT] < 0.05 + CHANCE
        assert found[DIFFERENT] < 0.05 + CHANCE
    # A test of no difference would call nearly all of these the same.
    if error == 0.1:
        assert answers(1.05, (error, error))[UNKNOWN] > 0.9


@pytest.mark.parametrize("ratio", [1.0, 0.97, 1.03])
def test_equivalent_ones_are_hardly_called_different(ratio: float) -> None:
    for error in (0.003, 0.01, 0.05):
        assert answers(ratio, (error, error))[DIFFERENT] < 0.05 + CHANCE


def test_the_number_that_is_needed_shows_equality_in_four_of_five() -> None:
    once = Equivalence(Known(1.0, 0.04), Known(1.0, 0.06), MARGIN)
    needed = once.needed(1000)
    assert needed is not None
    root = math.sqrt(1000 / needed)
    assert 0.79 < answers(1.0, (0.04 * root, 0.06 * root))[EQUIVALENT] < 0.84
    root = math.sqrt(2)
    assert answers(1.0, (0.04 / root, 0.06 / root))[EQUIVALENT] < 0.2, "twice as many"


def beside(value: float, margin: float = MARGIN) -> Equivalence:
    """A value beside a reference of one, each with an error of 0.02."""
    return Equivalence(Known(1.0, 0.02), Known(value, 0.02), margin)


def test_by_hand() -> None:
    # An error of 0.029 at the upper end, where 0.05 is 1.72 of them.
    one = beside(1.0)
    assert one.answer is EQUIVALENT
    assert one.needed(500) == math.ceil(
        500 * (2.926405**2) * (0.02**2 * (1 + 1.05**2)) / 0.05**2
    )
    assert beside(1.01).answer is UNKNOWN
    assert beside(1.2).answer is DIFFERENT
    assert beside(0.8).answer is DIFFERENT
    assert beside(0.8).ratio == pytest.approx(0.8)


def test_another_margin() -> None:
    assert beside(1.08, margin=0.2).answer is EQUIVALENT
    assert beside(1.08, margin=0.01).answer is DIFFERENT


def test_errors_of_a_few_sets_have_students_quantiles() -> None:
    known = Known(1.0, 0.02, 7)
    # There are 1.72 errors, and 1.76 are asked for.
    assert Equivalence(known, known, MARGIN).answer is UNKNOWN


@pytest.mark.parametrize(
    "known", [Known(1.0, None), Known(1.0, 0.0), Known(-0.1, 0.2), Known(0.0, 0.1)]
)
def test_without_errors_or_a_reference_nothing_is_known(known: Known) -> None:
    found = Equivalence(known, known, MARGIN)
    assert found.answer is UNKNOWN
    assert found.needed(100) is None


def test_distances_that_differ_by_the_margin() -> None:
    """Two models are drawn and measured many times, as stage evaluate measures them.

    The margin is put where their true distances lie apart, so to call them equivalent is
    wrong.
    """
    count, samples, evaluations = 60, 400, 250
    train = np.random.default_rng(0).normal(size=(400, 3))
    statistic = FrechetTo(Statistics.of(train))

    def drawn(width: float, number: int, *seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        return width * random.normal(size=(number, 3))

    def truth(width: float, seed: int) -> float:
        sets = (drawn(width, count, seed, k) for k in range(20_000))
        return float(np.mean([statistic(rows) for rows in sets]))

    def known(width: float, *seed: int) -> Known:
        pool = Pool(drawn(width, samples, *seed))
        found = at_count(pool, count, statistic, subsets=24, seed=seed[-1])
        return Known(found.value, found.spread)

    margin = truth(1.6, 1) / truth(1.5, 2) - 1
    found = Counter(
        Equivalence(known(1.5, 3, k), known(1.6, 4, k), margin).answer
        for k in range(evaluations)
    )
    chance = 2.5 * math.sqrt(0.05 * 0.95 / evaluations)
    assert 0.2 < margin < 0.6
    assert found[EQUIVALENT] / evaluations < 0.05 + chance
    assert found[DIFFERENT] / evaluations < 0.05 + chance
    assert found[EQUIVALENT] > 0, "the tests would say nothing at all"
