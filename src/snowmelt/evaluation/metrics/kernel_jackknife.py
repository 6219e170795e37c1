r"""The kernel distance of two sets of any sizes, with its error.

The squared maximum mean discrepancy under $k(x, y) = (x \cdot y / F + 1)^3$, estimated
without bias from n and m rows:

$$\frac{\sum_{i \ne j} k(x_i, x_j)}{n(n - 1)} + \frac{\sum_{i \ne j} k(y_i, y_j)}{m(m - 1)}
    - \frac{2}{nm} \sum_{i, j} k(x_i, y_j).$$

Its error is the jackknife's over the first set, given the second: what another n examples
would change. Leaving out one row takes its sums out of the three, so it costs nothing.

References:
    Binkowski et al. (2018), arXiv:1801.01401. Efron & Stein (1981), Annals of Statistics 9,
    586-596.
"""

from __future__ import annotations

import math

import numpy as np

from snowmelt.evaluation.estimate import Estimate


def kernel_distance_and_error(rows: np.ndarray, others: np.ndarray) -> Estimate:
    """The distance and its error over `rows`; None with fewer than three of them.

    Shapes:
        rows: (N, F), N > 1, others: (M, F), M > 1

    Raises:
        ValueError: too few rows, or sets of different features.
    """
    if rows.shape[1:] != others.shape[1:] or min(len(rows), len(others)) < 2:
        raise ValueError(f"{rows.shape} and {others.shape} do not compare")
    one, two = (np.asarray(part, np.float64) for part in (rows, others))
    n, m = len(one), len(two)
    inside, across = _kernel(one, one), _kernel(one, two).sum(axis=1)
    own = inside.sum(axis=1) - np.diagonal(inside)
    among = _kernel(two, two)
    rest = (among.sum() - np.trace(among)) / (m * (m - 1))
    total, crossed = own.sum(), across.sum()
    value = total / (n * (n - 1)) + rest - 2.0 * crossed / (n * m)
    if n < 3:
        return Estimate(float(value), None)
    without = (
        (total - 2.0 * own) / ((n - 1) * (n - 2))
        + rest
        - 2.0 * (crossed - across) / ((n - 1) * m)
    )
    spread = math.sqrt((n - 1) / n * float(np.square(without - without.mean()).sum()))
    return Estimate(float(value), spread or None)


def _kernel(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    found: np.ndarray = (one @ two.T / one.shape[1] + 1.0) ** 3
    return found
