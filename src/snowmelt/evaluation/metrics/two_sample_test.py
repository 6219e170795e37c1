r"""The classifier two-sample test: whether a classifier can tell samples from real ones.

It is tested on examples that it has not seen, so an accuracy of one half is what two sets
of one distribution get, and what is above it is a lower bound on their total variation
distance: $\text{accuracy} \le (1 + \mathrm{TV})/2$.

The classifier is a vote of the nearest neighbours, as many as the root of the number that
it learns from. It has nothing to fit, sees differences of any shape in few dimensions, and
with more points comes as close as one likes to the best that any classifier can do.

References:
    Lopez-Paz & Oquab (2017), arXiv:1610.06545. Stone (1977), "Consistent nonparametric
    regression".
"""

from __future__ import annotations

import math

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.sample_metrics import Examples


def against_train(examples: Examples) -> Estimate:
    """The accuracy on n examples and as many training points, both chosen at random."""
    context = examples.context
    count = min(context.count, len(context.train))
    seed, folds = context.settings.seed, context.settings.points.folds
    random = np.random.default_rng(seed)
    one, two = (
        pool[random.choice(len(pool), count, replace=False)]
        for pool in (examples.features, context.train)
    )
    return two_sample_accuracy(one, two, folds=folds, seed=seed)


def two_sample_accuracy(
    one: np.ndarray, two: np.ndarray, *, folds: int, seed: int
) -> Estimate:
    r"""The cross-validated accuracy and its standard error, $\sqrt{a(1 - a)/2N}$.

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
    truth = np.repeat([0, 1], len(one))
    vote = KNeighborsClassifier(neighbours(len(one), parts))
    turns = StratifiedKFold(parts, shuffle=True, random_state=seed)
    right = cross_val_predict(vote, rows, truth, cv=turns) == truth
    accuracy = float(right.mean())
    return Estimate(accuracy, math.sqrt(accuracy * (1 - accuracy) / len(rows)))


def neighbours(count: int, folds: int) -> int:
    """How many vote where each set has `count` rows: an odd number, so none is a draw."""
    learned_from = 2 * (count - math.ceil(count / folds))
    return 2 * (math.isqrt(learned_from) // 2) + 1
