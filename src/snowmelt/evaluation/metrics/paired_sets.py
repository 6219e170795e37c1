"""Distances of points that compare sets of one size.

Several disjoint sets of examples are compared with as many disjoint sets of training
points. The value is the mean over the pairs of sets, the spread its standard error, which
has one degree of freedom less than there are pairs: an interval takes Student's quantiles.
The floor is the same for held-out examples, drawn as a perfect model would draw them: it
would come out at the floor, not at zero. Where several classes were asked for, the sets on
all sides have these classes alike, to a row of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics import pairwise, wasserstein
from snowmelt.evaluation.metrics.example_pools import Pool
from snowmelt.evaluation.metrics.sample_metrics import Context, Examples

Distance = Callable[[np.ndarray, np.ndarray], float]


def between_sets(
    distance: Callable[[np.ndarray, np.ndarray, Context], float],
) -> Callable[[Examples], Estimate | None]:
    """The metric that averages a distance of two sets over disjoint pairs of them."""

    def metric(examples: Examples) -> Estimate | None:
        context = examples.context
        size = context.set_size
        pairs = min(
            context.settings.points.sets, context.count // size, len(context.train) // size
        )
        if examples.has_fixed_shares:
            sets = sets_alike(examples, pairs, size)
            if sets is None:
                return None
            return mean_of_pairs(*sets, lambda one, two: distance(one, two, context))
        rows = examples.one_set(examples.features, pairs * size)
        if rows is None:
            return None
        return over_sets(
            rows,
            context.train,
            lambda one, two: distance(one, two, context),
            size=size,
            sets=pairs,
            seed=context.settings.seed,
        )

    return metric


def sets_alike(
    examples: Examples, count: int, size: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Sets of features and of training features that have the asked classes alike.

    The rows of each class are dealt among the sets in turn. None where sets of n cannot be
    drawn.

    Args:
        count: of sets, at most.

    Shapes:
        -> (pairs, size, F) each
    """
    context = examples.context
    asked, labels = context.drawn.labels, context.labels
    assert asked is not None
    assert labels is not None
    pools = examples.pool(examples.features), Pool.of_asked(context.train, labels, asked)
    pairs = min(count, *(pool.largest_count // size for pool in pools))
    if context.count > examples.largest_count or pairs == 0:
        return None
    random = np.random.default_rng(context.settings.seed)
    one, two = (
        pool.rows[pool.draws(random, pairs * size)[0].reshape(size, pairs).T]
        for pool in pools
    )
    return one, two


@between_sets
def sliced_wasserstein_2(one: np.ndarray, two: np.ndarray, context: Context) -> float:
    """The sliced Wasserstein distance over the configured number of lines."""
    directions, seed = context.settings.points.directions, context.settings.seed
    return wasserstein.sliced_wasserstein_2(one, two, directions=directions, seed=seed)


wasserstein_2 = between_sets(lambda one, two, _: wasserstein.wasserstein_2(one, two))
energy_distance = between_sets(lambda one, two, _: pairwise.energy_distance(one, two))
squared_mmd = between_sets(
    lambda one, two, context: pairwise.squared_mmd(one, two, context.kernel_widths)
)


def over_sets(
    rows: np.ndarray,
    train: np.ndarray,
    distance: Distance,
    *,
    size: int,
    sets: int,
    seed: int,
) -> Estimate:
    """The mean distance of disjoint sets of rows from as many of training points.

    The spread is the standard error of the mean; None where there is only one pair.

    Args:
        sets: pairs, at most.
    """
    pairs = min(sets, len(rows) // size, len(train) // size)
    random = np.random.default_rng(seed)
    parts = [
        random.permutation(len(pool))[: pairs * size].reshape(pairs, size)
        for pool in (rows, train)
    ]
    return mean_of_pairs(rows[parts[0]], train[parts[1]], distance)


def mean_of_pairs(sets: np.ndarray, others: np.ndarray, distance: Distance) -> Estimate:
    """The mean distance of each set from its partner, with its standard error.

    Shapes:
        sets, others: (pairs, size, ...)
    """
    pairs = len(sets)
    found = [distance(one, two) for one, two in zip(sets, others, strict=True)]
    spread = float(np.std(found, ddof=1) / np.sqrt(pairs)) if pairs > 1 else None
    return Estimate(float(np.mean(found)), spread, pairs - 1 if pairs > 1 else math.inf)
