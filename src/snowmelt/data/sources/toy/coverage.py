r"""How much of each cell of a grid a drawing covers.

A horizontal line cuts a polygon in an even number of places; between the first and the
second of them it is inside, between the third and the fourth, and so on. Along a line the
covered part of each cell is therefore known exactly, and the share of its area is the mean
over lines at equal distances,

$$c_{ij} \approx \frac1{n w} \sum_{k=1}^{n} \big|\{x \in \text{column } i :
  (x, y_{jk}) \text{ is in the drawing}\}\big| .$$

A tip that lies between two lines is seen by none of them. So every cell that an outline
runs through has some coverage, however small: no point of the drawing lies in an empty
cell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
# Of a cell in which no line met the drawing.
_LEAST = 1e-3


def coverage(
    parts: Sequence[Points],
    holes: Sequence[Points],
    edges: tuple[Points, Points],
    lines: int = 4,
) -> Points:
    """The share of each cell that lies in any of the parts and in none of the holes.

    Args:
        parts, holes: polygons, each (K, 2).
        edges: of the cells along both axes, rising, at equal distances.
        lines: through each row of cells.

    Shapes:
        edges: (N + 1,), (M + 1,) -> (N, M)
    """
    across, up = edges
    within = (np.arange(lines) + 0.5) / lines
    heights = (up[:-1, None] + np.diff(up)[:, None] * within).ravel()
    lengths = np.stack([_covered(parts, holes, across, y) for y in heights])
    found = (lengths / np.diff(across)).reshape(len(up) - 1, lines, -1).mean(1).T
    for polygon in (*parts, *holes):
        columns, rows = _touched(polygon, edges)
        found[columns, rows] = np.maximum(found[columns, rows], _LEAST)
    return found


def _covered(
    parts: Sequence[Points], holes: Sequence[Points], across: Points, y: float
) -> Points:
    """The covered length of each column on one line. Shapes: -> (N,)"""
    places, steps = [], []
    # A hole outweighs all parts that overlap there.
    weighted = [(part, 1) for part in parts] + [(hole, -len(parts)) for hole in holes]
    for polygon, weight in weighted:
        crossing = np.sort(_crossings(polygon, y))
        places.append(crossing)
        steps.append(weight * (-1) ** np.arange(len(crossing)))
    place, step = np.concatenate(places), np.concatenate(steps)
    order = np.argsort(place, kind="stable")
    place, depth = place[order], step[order].cumsum()
    starts = np.flatnonzero(depth[:-1] > 0)
    low, high = place[starts, None], place[starts + 1, None]
    return np.diff((across.clip(low, high) - low).sum(0))


def _crossings(polygon: Points, y: float) -> Points:
    """Where a horizontal line crosses the outline; as `outlines.is_inside` counts them."""
    (x_0, y_0), (x_1, y_1) = polygon.T, np.roll(polygon, -1, axis=0).T
    rows = (y_0 > y) != (y_1 > y)
    x_0, y_0, x_1, y_1 = x_0[rows], y_0[rows], x_1[rows], y_1[rows]
    return x_0 + (y - y_0) / (y_1 - y_0) * (x_1 - x_0)


def _touched(
    polygon: Points, edges: tuple[Points, Points]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cells that the outline runs through, each once or more often."""
    middles = [
        _pieces(start, end, edges)
        for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True)
    ]
    cells, is_there = [], np.True_
    for edge, place in zip(edges, np.concatenate(middles).T, strict=True):
        is_there = is_there & (place >= edge[0]) & (place <= edge[-1])
        # What runs along the far end of the grid runs along its last cells.
        found = np.searchsorted(edge, place, side="right") - 1
        cells.append(found.clip(max=len(edge) - 2))
    return cells[0][is_there], cells[1][is_there]


def _pieces(start: Points, end: Points, edges: tuple[Points, Points]) -> Points:
    """The middles of the pieces that the grid cuts a line into. Shapes: -> (P, 2)"""
    way = end - start
    cuts = [np.array([0.0, 1.0])]
    for axis in range(2):
        low, high = sorted((start[axis], end[axis]))
        between = edges[axis][(edges[axis] > low) & (edges[axis] < high)]
        cuts.append((between - start[axis]) / way[axis] if len(between) else between)
    along = np.unique(np.concatenate(cuts))
    return start + way * (0.5 * (along[:-1] + along[1:]))[:, None]
