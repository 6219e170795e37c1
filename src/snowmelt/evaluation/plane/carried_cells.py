r"""One table of cells carried into another, cell by cell, with the least work.

Both tables give each cell of the plane a probability. The plan of least
$\sum_{ij}\pi_{ij}\lVert c_i - c_j\rVert^2$ says how much of cell i goes to cell j. Half way
each parcel is half way between its two cells; it is shared among the four cells around the
place where it is, in the shares that keep its centre there, so nothing is lost on the way.

References:
    Villani (2009), "Optimal transport", chapter 7 (displacement interpolation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Raster

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parcels:
    """What is carried from cell to cell.

    Attributes:
        weights: (P,), of sum 1.
        origins, targets: (P, 2), row and column of the cells.
    """

    weights: Array
    origins: Array
    targets: Array

    def at(self, share: float) -> Array:
        """Where each is at a share of its way, in rows and columns. Shapes: -> (P, 2)"""
        return (1.0 - share) * self.origins + share * self.targets


def parcels(first: Raster, second: Raster) -> Parcels:
    """The optimal plan between two tables of one moment each, by linear programming.

    Raises:
        ValueError: the cells are not the same.
    """
    import ot

    if first.values.shape != second.values.shape or first.extent != second.extent:
        raise ValueError(
            "two tables of the same cells are needed, got the shapes"
            f" {first.values.shape} and {second.values.shape}"
        )
    left, right, bottom, top = first.extent
    rows, columns = first.at(0).shape
    cells = np.indices((rows, columns)).reshape(2, -1).T.astype(np.float64)
    size = np.array([(top - bottom) / rows, (right - left) / columns])
    tables = [np.asarray(part.at(0), dtype=np.float64).ravel() for part in (first, second)]
    tables = [table / table.sum() for table in tables]
    filled = [np.flatnonzero(table > 0) for table in tables]
    one, two = (cells[some] for some in filled)
    weights = [table[some] for table, some in zip(tables, filled, strict=True)]
    cost = ot.dist(one * size, two * size, metric="sqeuclidean")
    plan = ot.emd(*weights, cost, numItermax=10_000_000, numThreads=1)
    i, j = np.nonzero(plan)
    return Parcels(plan[i, j], one[i], two[j])


def carried_cells(carried: Parcels, like: Raster, shares: Array) -> Raster:
    """The table at each share of the way.

    Args:
        like: has the cells.
        shares: (K,), 0 where all parcels are at their origins, 1 at their targets.
    """
    rows, columns = like.at(0).shape
    found = np.zeros((len(shares), rows, columns))
    for table, share in zip(found, shares, strict=True):
        place = carried.at(float(share))
        corner = np.floor(place).astype(int)
        beyond = place - corner
        for down in (0, 1):
            for right in (0, 1):
                part = np.abs(1 - down - beyond[:, 0]) * np.abs(1 - right - beyond[:, 1])
                row = np.minimum(corner[:, 0] + down, rows - 1)
                column = np.minimum(corner[:, 1] + right, columns - 1)
                np.add.at(table, (row, column), part * carried.weights)
    return Raster(found, like.extent)


def places(carried: Parcels, like: Raster, share: float) -> Array:
    """Where the parcels are in the plane. Shapes: -> (P, 2), x first"""
    left, right, bottom, top = like.extent
    rows, columns = like.at(0).shape
    at = carried.at(share) + 0.5
    return np.column_stack(
        [
            left + at[:, 1] * (right - left) / columns,
            bottom + at[:, 0] * (top - bottom) / rows,
        ]
    )
