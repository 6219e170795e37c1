r"""The standard error of the kernel distance of a pool of examples to the training split.

The distance averages random subsets, which come near the estimate of the whole pool; their
own scatter is not its error. The influence of an example is

$$h(x) = 2\,\mathrm{E}\,k(x, x') - 2\,\mathrm{E}\,k(x, y)$$

over the other examples $x'$ and the training examples $y$, and from it and from the scatter
of quarters of the pool the error follows as `snowmelt.evaluation.metrics.subsets` says. Of
a large pool 2,000 examples stand for all.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from snowmelt.common.array_files import release
from snowmelt.evaluation.metrics.example_pools import Pool
from snowmelt.evaluation.metrics.subsets import FEWEST, QUARTERS, variance_of_pool

MOST = 2000
_PART = 2**12
_DEALS = 50


def kernel_error(
    pool: Pool, train: np.ndarray, of_subsets: float, seed: int
) -> float | None:
    """The standard error; None for fewer than eight examples.

    Args:
        pool: of features (N, F).
        train: features of the training split, (M, F).
        of_subsets: the variance that the choice of subsets adds.
    """
    if len(pool) < FEWEST:
        return None
    random = np.random.default_rng(seed)
    part = _part_of(pool, random)
    rows = np.asarray(part.rows, np.float64)
    across = _mean_kernel(rows, train)
    among = _kernel(rows, rows)
    np.fill_diagonal(among, 0.0)
    influence = 2 * (among.sum(axis=1) / (len(rows) - 1) - across)
    quarters = [
        np.var(
            [_distance(among, across, one) for one in part.groups(random, QUARTERS)], ddof=1
        )
        for _ in range(_DEALS)
    ]
    first = part.variance_of_mean(influence)
    variance = variance_of_pool(first, float(np.mean(quarters)))
    return math.sqrt(variance * len(rows) / len(pool) + of_subsets)


def _part_of(pool: Pool, random: np.random.Generator) -> Pool:
    """The pool, or so many of its examples that all pairs can be taken."""
    if len(pool) <= MOST:
        return pool
    if pool.has_fixed_shares:
        chosen = np.sort(pool.draws(random, min(MOST, pool.largest_count))[0])
    else:
        chosen = np.sort(random.choice(len(pool), MOST, replace=False))
    classes = None if pool.classes is None else pool.classes[chosen]
    return replace(pool, rows=pool.rows[chosen], classes=classes)


def _distance(among: np.ndarray, across: np.ndarray, chosen: np.ndarray) -> float:
    """The distance of some of the examples, but for a constant."""
    pairs = len(chosen) * (len(chosen) - 1)
    inside = float(among[np.ix_(chosen, chosen)].sum())
    return inside / pairs - 2 * float(across[chosen].mean())


def _mean_kernel(rows: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The mean of the kernel over the training examples, for each row. (N, F) -> (N,)"""
    total = np.zeros(len(rows))
    for start in range(0, len(train), _PART):
        total += _kernel(rows, np.asarray(train[start : start + _PART], np.float64)).sum(1)
        release(train)
    return total / len(train)


def _kernel(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    found: np.ndarray = (one @ two.T / one.shape[1] + 1.0) ** 3
    return found
