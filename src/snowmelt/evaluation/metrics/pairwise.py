r"""Distances between sets that are means over pairs of points, without bias, in float64.

With $x, x'$ from one distribution and $y, y'$ from the other, the energy distance is

$$2\,\mathrm{E}\lVert x - y\rVert - \mathrm{E}\lVert x - x'\rVert
    - \mathrm{E}\lVert y - y'\rVert ,$$

and the squared maximum mean discrepancy, for a kernel $k$,

$$\mathrm{E}\,k(x, x') + \mathrm{E}\,k(y, y') - 2\,\mathrm{E}\,k(x, y).$$

Each is zero for equal distributions and above zero for any others. A mean over pairs of
different points estimates it without bias, hence below zero at times. The kernel here is
the mean of Gaussians $\exp(-d^2/2h^2)$ of a few widths $h$: the wide ones see the place and
the size of a cloud, the narrow ones its details.

References:
    Szekely & Rizzo (2013), "Energy statistics". Gretton et al. (2012), "A kernel two-sample
    test", Journal of Machine Learning Research 13, equation (3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial.distance import cdist, pdist

WIDTHS = (0.25, 0.5, 1.0)  # of the Gaussians, in units of the median distance
MEDIAN_OF = 2000


def in_one_space(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two sets in float64.

    Raises:
        ValueError: they are not (N, D) and (M, D).
    """
    if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1]:
        raise ValueError(f"sets must be (N, D) and (M, D), got {one.shape} and {two.shape}")
    return np.asarray(one, np.float64), np.asarray(two, np.float64)


def energy_distance(one: np.ndarray, two: np.ndarray) -> float:
    """The (squared) energy distance, in the units of the points.

    Shapes:
        one: (N, D), two: (M, D), both more than one

    Raises:
        ValueError: other shapes.
    """
    return -_contrast(one, two, lambda distance: distance)


def squared_mmd(one: np.ndarray, two: np.ndarray, widths: Sequence[float]) -> float:
    """The squared maximum mean discrepancy under Gaussians of these widths.

    Shapes:
        one: (N, D), two: (M, D), both more than one

    Raises:
        ValueError: other shapes.
    """

    def kernel(distance: np.ndarray) -> np.ndarray:
        squared = np.square(distance)
        return np.mean([np.exp(-squared / (2 * h**2)) for h in widths], axis=0)

    return _contrast(one, two, kernel)


def median_distance(points: np.ndarray) -> float:
    """The median distance of two of the first 2,000 points; of more than one point."""
    return float(np.median(pdist(np.asarray(points[:MEDIAN_OF], np.float64))))


def _contrast(
    one: np.ndarray, two: np.ndarray, of: Callable[[np.ndarray], np.ndarray]
) -> float:
    """Means of a function of the distance: within both sets, less twice across."""
    one, two = in_one_space(one, two)
    if min(len(one), len(two)) < 2:
        raise ValueError(f"sets must have two points, got {len(one)} and {len(two)}")
    within = sum(float(of(pdist(points)).mean()) for points in (one, two))
    return within - 2 * float(of(cdist(one, two)).mean())
