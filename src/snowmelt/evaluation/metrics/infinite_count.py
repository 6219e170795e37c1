r"""A biased statistic at an infinite count: what it would be of endless samples.

The bias of the Frechet distance falls nearly as $1/n$, so values at several counts lie on a
line in $1/n$, and where that meets $1/n = 0$ is an estimate without bias to this order
(FID-infinity). The counts here are all $N$ examples, a half and a quarter of them, each the
mean over as many sets with nothing in common, dealt anew several times. With $V_j$ at $N/j$
the least squares give

$$V_\infty = V_1 + \tfrac12 V_2 - \tfrac12 V_4 .$$

All have nearly the influence of the limit in common, of which the error is taken as in
`snowmelt.evaluation.metrics.subsets`; to it comes the scatter between deals. The reference
stays as it is: what its own finite count adds is in value and floor alike. Of a held-out
split as many examples are taken as have the shares of endless draws.

It is a line while a quarter has well more examples than features.

References:
    Chong & Forsyth (2020), "Effectively unbiased FID and Inception score and where to find
    them", arXiv:1911.07023.
"""

from __future__ import annotations

import math

import numpy as np

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.example_pools import Pool
from snowmelt.evaluation.metrics.subsets import QUARTERS, Statistic, variance_of_pool

PARTS = (1, 2, QUARTERS)


def at_infinity(pool: Pool, statistic: Statistic, *, subsets: int, seed: int) -> Estimate:
    """The statistic of endlessly many examples, with its standard error.

    Args:
        pool: of well more than four times as many examples as features.
        subsets: how many sets of a quarter are measured, at least.
    """
    random = np.random.default_rng(seed)
    pool = pool.in_shares(random)
    whole = statistic(pool.rows)
    intercepts, scatter = [], []
    for _ in range(max(2, math.ceil(subsets / QUARTERS))):
        inverse, values = [1 / len(pool)], [whole]
        for parts in PARTS[1:]:
            sets = pool.groups(random, parts)
            found = [statistic(pool.rows[np.sort(rows)]) for rows in sets]
            inverse.append(1 / len(sets[0]))
            values.append(float(np.mean(found)))
        intercepts.append(intercept(np.array(inverse), np.array(values)))
        scatter.append(float(np.var(found, ddof=1)))
    influence = statistic.influence(pool.rows, statistic.gradient(pool.rows))
    first = pool.variance_of_mean(influence)
    variance = variance_of_pool(first, float(np.mean(scatter)))
    of_deals = float(np.var(intercepts, ddof=1)) / len(intercepts)
    return Estimate(float(np.mean(intercepts)), math.sqrt(variance + of_deals))


def intercept(x: np.ndarray, y: np.ndarray) -> float:
    """Where the line of least squares is at x = 0. Shapes: (J,), (J,), J > 1"""
    centred = x - x.mean()
    slope = float(centred @ y) / float(centred @ centred)
    return float(y.mean()) - slope * float(x.mean())
