r"""A statistic at a fixed count, and the standard error of the number that is printed.

A biased statistic has to be taken at one count $n$ wherever it is compared. Of a pool of
$N \ge n$ examples it is the mean $V$ over many random sets of n, or its one value when
$N = n$. The error says how far $V$ would be from its expectation if the pool were drawn
anew: from another N samples of the model, or from another held-out split. It is not that of
a fresh set of n, which scatters far more.

**Several sets with nothing in common.** Where the pool is cut into $m \ge 2$ sets, these
are independent: the variance $W$ of their values, and so $W/m$ of their mean $M$, is
measured without bias. $V$ is the mean of $M$ over all cuts, which takes away what $M$
scatters by the cut alone,

$$\operatorname{Var} V = \frac{W}{m} - \operatorname{Var}_{\text{cuts}} M$$

(Wang & Lindsay), for any statistic and to all orders.

**Large sets.** To second order $V$ is a mean over examples and a mean over pairs of them,
and its variance is $a/N + c/N^2$. Near the floor the first term vanishes and the second
remains, so both are needed. The influence $h(x)$ of an example is the derivative of the
statistic in the direction of x, averaged over the sets. In its own examples it holds what
chance did to them, so that

$$\operatorname{Var} h / N \approx P = a/N + 2c/N^2 ,$$

as of any jackknife (Efron & Stein). A quarter of the pool is a set whose values scatter
with $Q = 4a/N + 16c/N^2$, measured without bias by quarters with nothing in common. Hence

$$\operatorname{Var} V = P - \frac{c}{N^2}, \qquad \frac{c}{N^2} = \frac{Q - 4P}{8},$$

at most $P$. In a pool with classes, whose shares are known, an example stands against its
class: $P = \sum_k p_k^2 \operatorname{Var}_k h / N_k$. The same holds of samples of classes
that were asked for, whose shares no other draw would change.

Near the floor both are small differences of large numbers and scatter by half or more, and
intervals from them hold the truth less often than they say. So neither is taken for less
than three quarters of $P$, where the truth comes down to a half: there the standard error
is too large by up to a fourth. To it comes the scatter of a mean over finitely many sets.

References:
    Efron & Stein (1981), "The jackknife estimate of variance", Annals of Statistics 9.
    Hampel (1974), "The influence curve and its role in robust estimation". Hoeffding
    (1948), "A class of statistics with asymptotically normal distribution". Wang & Lindsay
    (2014), "Variance estimation of a general U-statistic", Statistica Sinica 24.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from tqdm import tqdm

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.example_pools import Pool

QUARTERS = 4
FEWEST = 8  # examples in a pool whose scatter says something
LEAST = 0.75  # of P
_GRADIENTS = 40  # sets that the influence is averaged over, at most


class Statistic(Protocol):
    """A number of a set of examples, and how it answers to each of them."""

    def __call__(self, rows: np.ndarray) -> float:
        """The number. Shapes: (n, ...)"""

    def gradient(self, rows: np.ndarray) -> np.ndarray:
        """What `influence` needs of a set, in a form of which a mean can be taken."""

    def influence(self, rows: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The derivative towards each row, but for a constant. (N, ...) -> (N,)"""


def at_count(
    pool: Pool,
    count: int,
    statistic: Statistic,
    *,
    subsets: int,
    seed: int,
    desc: str | None = None,
) -> Estimate:
    """The statistic of `count` examples of a pool, with its standard error.

    Args:
        pool: of N examples, which allows sets of `count`.
        subsets: how many sets to average over, at least; and to take the error from.
        desc: what the bar says; None for no bar.

    Raises:
        ValueError: `count` is not within 1 and the largest count of the pool.
    """
    if not 1 <= count <= pool.largest_count:
        raise ValueError(f"cannot take {count} of {len(pool)} rows")
    random = np.random.default_rng(seed)
    turns = _turns(pool, count, subsets)
    most = min(_GRADIENTS, max(1, subsets // QUARTERS))
    values: list[list[float]] = []
    gradients: list[np.ndarray] = []
    for _ in tqdm(range(turns), desc=desc, unit="turn", disable=desc is None):
        sets = [pool.rows[np.sort(chosen)] for chosen in pool.draws(random, count)]
        values.append([statistic(rows) for rows in sets])
        for rows in sets[: most - len(gradients)]:
            gradients.append(statistic.gradient(rows))
    means = np.mean(values, axis=1)
    value = float(means.mean())
    if len(pool) < FEWEST or subsets < 2:
        return Estimate(value, None)
    of_sets = float(np.var(means, ddof=1)) / turns if turns > 1 else 0.0
    influence = statistic.influence(pool.rows, np.mean(gradients, axis=0))
    first = pool.variance_of_mean(influence)
    if len(values[0]) > 1:
        variance = max(variance_by_cuts(np.array(values)), LEAST * first)
    else:
        quarters = scatter_of_quarters(pool, statistic, subsets, random)
        variance = variance_of_pool(first, quarters)
    return Estimate(value, math.sqrt(variance + of_sets))


def _turns(pool: Pool, count: int, subsets: int) -> int:
    """How often the pool is drawn from; once where there is no choice."""
    if pool.classes is not None and not pool.has_fixed_shares:
        return subsets
    if count == len(pool):
        return 1
    return max(2, math.ceil(subsets / pool.parts(count)))


def variance_by_cuts(values: np.ndarray) -> float:
    """The variance of the mean over all cuts, see the module; below zero by chance.

    Shapes:
        values: (cuts, m) of the sets of each cut, both more than one
    """
    within = float(np.var(values, axis=1, ddof=1).mean())
    return within / values.shape[1] - float(np.var(values.mean(axis=1), ddof=1))


def variance_of_pool(first: float, quarters: float) -> float:
    """The variance of a mean over sets, see the module.

    Args:
        first: P, of the influence.
        quarters: Q, of the values of quarters of the pool.
    """
    second = (quarters - 4 * first) / 8
    return min(first, max(LEAST * first, first - second))


def scatter_of_quarters(
    pool: Pool, statistic: Statistic, subsets: int, random: np.random.Generator
) -> float:
    """The variance of the statistic of a quarter of the pool."""
    found = [
        np.var([statistic(pool.rows[np.sort(rows)]) for rows in sets], ddof=1)
        for sets in (
            pool.groups(random, QUARTERS) for _ in range(math.ceil(subsets / QUARTERS))
        )
    ]
    return float(np.mean(found))
