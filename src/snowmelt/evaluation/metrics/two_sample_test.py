r"""The classifier two-sample test: whether a classifier can tell samples from real ones.

It is tested on examples that it has not seen, so an accuracy of one half is what two sets
of one distribution get, and what is above it is a lower bound on their total variation
distance: $\text{accuracy} \le (1 + \mathrm{TV})/2$.

The classifier is a vote of the nearest neighbours, as many as the root of the number that
it learns from. It has nothing to fit, sees differences of any shape in few dimensions, and
with more points comes as close as one likes to the best that any classifier can do.

Votes in a cross-validation depend on each other: a point that is itself judged has a say in
the votes on its neighbours, so that the error of a share of 2N independent votes is less
than the accuracy scatters. By how much is measured where both sets are alike: which of the
two a point is from is dealt anew within each fold, many times, and the scatter of the
accuracies over that of independent votes stretches the error.

References:
    Lopez-Paz & Oquab (2017), arXiv:1610.06545. Stone (1977), "Consistent nonparametric
    regression". Nadeau & Bengio (2003), Machine Learning 52, on the votes' dependence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestNeighbors

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.sample_metrics import Examples

DEALS = 200  # the error is known to 1 / sqrt(2 x 200) = 5 %
Votes = Sequence[tuple[np.ndarray, np.ndarray]]


def against_train(examples: Examples) -> Estimate | None:
    """The accuracy on n examples and as many training points, both chosen at random.

    Generated and held-out examples meet training points of their own, as far as these
    reach, so that the two accuracies are independent.
    """
    context = examples.context
    count = min(context.count, len(context.train))
    seed, folds = context.settings.seed, context.settings.points.folds
    order = np.random.default_rng(seed).permutation(len(context.train))
    chosen = order[:count] if examples.is_generated else order[-count:]
    one = examples.one_set(examples.features, count)
    if one is None:
        return None
    return two_sample_accuracy(one, context.train[chosen], folds=folds, seed=seed)


def two_sample_accuracy(
    one: np.ndarray, two: np.ndarray, *, folds: int, seed: int
) -> Estimate:
    """The cross-validated accuracy and its standard error.

    Args:
        one, two: (N, D) each, N > 1.
        folds: parts that take turns in being the test set; at most N are made.

    Raises:
        ValueError: the shapes differ or have fewer than two rows.
    """
    if one.shape != two.shape or one.ndim != 2 or len(one) < 2:
        raise ValueError(f"sets must be alike (N, D), N > 1: {one.shape}, {two.shape}")
    parts = min(folds, len(one))
    rows = np.concatenate([one, two]).astype(np.float64)
    truth = np.repeat(np.array([0, 1], np.uint8), len(one))
    votes = _votes(rows, truth, parts, neighbours(len(one), parts), seed)
    accuracy = _accuracy(votes, truth)
    random = np.random.default_rng(seed)
    dealt = [_accuracy(votes, _dealt_anew(votes, truth, random)) for _ in range(DEALS)]
    stretch = float(np.std(dealt)) / math.sqrt(0.25 / len(rows))
    independent = Estimate.of_share(accuracy * len(rows), len(rows)).spread
    assert independent is not None
    return Estimate(accuracy, stretch * independent)


def neighbours(count: int, folds: int) -> int:
    """How many vote where each set has `count` rows: an odd number, so none is a draw."""
    learned_from = 2 * (count - math.ceil(count / folds))
    return 2 * (math.isqrt(learned_from) // 2) + 1


def _votes(rows: np.ndarray, truth: np.ndarray, parts: int, count: int, seed: int) -> Votes:
    """For each fold its points, (n,), and the points that vote on each of them, (n, k)."""
    found = []
    turns = StratifiedKFold(parts, shuffle=True, random_state=seed)
    for learned, tested in turns.split(rows, truth):
        search = NearestNeighbors(n_neighbors=count).fit(rows[learned])
        places = search.kneighbors(rows[tested], return_distance=False)
        found.append((tested, learned[places]))
    return found


def _accuracy(votes: Votes, truth: np.ndarray) -> float:
    """The share of points of which the majority of voters says what they are."""
    right = 0
    for tested, voters in votes:
        ayes = truth[voters].sum(axis=1, dtype=np.int64)
        right += int(((2 * ayes > voters.shape[1]) == truth[tested]).sum())
    return right / len(truth)


def _dealt_anew(votes: Votes, truth: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Who is from which set, dealt anew; each fold keeps as many of both."""
    found = truth.copy()
    for tested, _ in votes:
        found[tested] = random.permutation(truth[tested])
    return found
