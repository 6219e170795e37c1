r"""Shapes in the plane: a smooth closed curve through a few points, and what is inside.

The curve is the spline of Catmull and Rom. Between the points $b$ and $c$, with $a$ before
and $d$ after them, it runs through

$$b + \tfrac{t}{2}\bigl(c - a + t\,(2a - 5b + 4c - d + t\,(3(b - c) + d - a))\bigr),
    \qquad 0 \le t \le 1,$$

with the slope $(c - a)/2$ at $b$ from both sides.

References:
    Catmull & Rom (1974), "A class of local interpolating splines".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


def smooth(corners: ArrayLike, pieces: int = 8) -> Points:
    """A polygon close to the smooth closed curve through `corners`.

    Shapes:
        corners: (K, 2) -> (pieces * K, 2)
    """
    b = np.asarray(corners, np.float64)
    a, c, d = np.roll(b, 1, axis=0), np.roll(b, -1, axis=0), np.roll(b, -2, axis=0)
    t = (np.arange(pieces) / pieces)[None, :, None]
    a, b, c, d = (part[:, None] for part in (a, b, c, d))
    cubic = 2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)
    return (b + 0.5 * t * (c - a + t * cubic)).reshape(-1, 2)


def is_inside(points: Points, polygon: Points) -> NDArray[np.bool_]:
    """Whether a ray to the right of each point crosses the polygon an odd number of times.

    Shapes:
        points: (N, 2), polygon: (K, 2) -> (N,)
    """
    x, y = points.T
    found = np.zeros(len(points), dtype=bool)
    for (x_0, y_0), (x_1, y_1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        rows = np.flatnonzero((y_0 > y) != (y_1 > y))
        crossing = x_0 + (y[rows] - y_0) / (y_1 - y_0) * (x_1 - x_0) if len(rows) else 0.0
        found[rows] ^= x[rows] < crossing
    return found
