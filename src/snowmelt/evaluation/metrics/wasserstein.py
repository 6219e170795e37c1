r"""Wasserstein distances between two sets of points, in float64.

The Wasserstein distance of two sets of N points is the best root mean square of the way
that pairing them takes,

$$W_2^2 = \min_{\pi} \frac1N \sum_i \lVert x_i - y_{\pi(i)} \rVert^2 ,$$

over all pairings. The sliced distance pairs along one line at a time, where sorting is
enough, and takes the root of the mean square over random lines; for a shift by $m$ in D
dimensions it is near $\lVert m\rVert/\sqrt D$, and never much above $W_2/\sqrt D$.

Both are of the first power, in the units of the points. Both are biased: two sets of one
distribution are apart, by less the larger they are, so that a value says nothing without
the value of two true sets of the same size.

References:
    Villani (2009), "Optimal transport", chapter 6. Bonneel, Rabin, Peyre & Pfister (2015),
    "Sliced and Radon Wasserstein barycenters of measures". Flamary et al. (2021), "POT".
"""

from __future__ import annotations

import math

import numpy as np
import ot

from snowmelt.evaluation.metrics.pairwise import in_one_space


def wasserstein_2(one: np.ndarray, two: np.ndarray) -> float:
    """The exact distance, by linear programming: about a second for 2,000 points.

    Shapes:
        one: (N, D), two: (M, D); where N and M differ, shares of points are moved

    Raises:
        ValueError: other shapes.
    """
    one, two = in_one_space(one, two)
    cost = ot.dist(one, two, metric="sqeuclidean")
    even = [np.full(len(points), 1 / len(points)) for points in (one, two)]
    squared = ot.emd2(*even, cost, numItermax=10_000_000, numThreads=1)
    return math.sqrt(max(0.0, float(squared)))


def optimal_pairs(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """The row of `two` that goes with each row of `one` in the exact plan.

    Shapes:
        one, two: (N, D) -> (N,) int64

    Raises:
        ValueError: other shapes, or sets of different sizes.
    """
    one, two = in_one_space(one, two)
    if len(one) != len(two):
        raise ValueError(f"pairs need sets of one size, got {len(one)} and {len(two)}")
    even = np.full(len(one), 1 / len(one))
    cost = ot.dist(one, two, metric="sqeuclidean")
    plan = ot.emd(even, even, cost, numItermax=10_000_000, numThreads=1)
    return np.argmax(plan, axis=1)


def sliced_wasserstein_2(
    one: np.ndarray, two: np.ndarray, *, directions: int, seed: int
) -> float:
    """The root mean square over `directions` random lines, the same for each seed.

    Shapes:
        one: (N, D), two: (M, D)

    Raises:
        ValueError: other shapes.
    """
    one, two = in_one_space(one, two)
    found = ot.sliced_wasserstein_distance(
        one, two, n_projections=directions, p=2, seed=seed
    )
    return float(found)
