"""Every other square of a board."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.common import argument_checks
from snowmelt.common.bounds import Few, NotNegative
from snowmelt.data.sources.toy.cloud import Cloud, Points
from snowmelt.densities import GridDensity


@dataclass(frozen=True, kw_only=True)
class Checkerboard(Cloud):
    """Uniform on the dark squares of a board whose squares have the side 1.

    The density jumps at every edge, and squares touch at their corners: a hard case for a
    smooth network. Each square is a class.

    Args:
        side: squares along a side of the board.
    """

    side: Few = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.integer("data.side", self.side, least=2)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(f"column {x + 1}, row {y + 1}" for x, y in _dark(self.side))

    def draw(self, index: Tensor) -> tuple[Points, NDArray[np.int64]]:
        which, *inside = self.uniforms(index, 3).T
        corners = np.array(_dark(self.side))
        labels = np.floor(which * len(corners)).astype(np.int64)
        points = corners[labels] + np.column_stack(inside) - self.side / 2
        return points, labels

    def density(self) -> Board:
        """The board itself, exactly; its density knows no classes."""
        return Board(self.side)


class Board(GridDensity):
    """A board as a density, a cell for each square.

    Args:
        side: squares along a side of the board; each has the side 1.
        smoothing: see `GridDensity`.

    Raises:
        ValueError: a `side` that is no whole number above 1, or a negative `smoothing`.
    """

    def __init__(self, side: Few = 4, smoothing: NotNegative = 0.0) -> None:
        argument_checks.check_count(2, side=side)
        squares = torch.zeros(side, side, dtype=torch.float64)
        for column, row in _dark(side):
            squares[column, row] = 1.0
        end = side / 2
        super().__init__(squares, [[-end, end], [-end, end]], smoothing)


def _dark(side: int) -> list[tuple[int, int]]:
    """The lower left corner of each dark square."""
    places = range(side)
    return [(x, y) for y in places for x in places if (x + y) % 2 == 0]
