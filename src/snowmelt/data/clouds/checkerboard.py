"""Every other square of a board."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.data import arguments
from snowmelt.data.clouds.cloud import Cloud, Points


@dataclass(frozen=True, kw_only=True)
class Checkerboard(Cloud):
    """Uniform on the dark squares of a board whose squares have the side 1.

    The density jumps at every edge, and squares touch at their corners: a hard case for a
    smooth network. Each square is a class.

    Args:
        side: squares along a side of the board.
    """

    side: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        arguments.integer("data.side", self.side, least=2)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(f"column {x + 1}, row {y + 1}" for x, y in self._corners())

    def draw(self, index: Tensor) -> tuple[Points, NDArray[np.int64]]:
        which, *inside = self.uniforms(index, 3).T
        corners = np.array(self._corners())
        labels = np.floor(which * len(corners)).astype(np.int64)
        points = corners[labels] + np.column_stack(inside) - self.side / 2
        return points, labels

    def _corners(self) -> list[tuple[int, int]]:
        """The lower left corner of each dark square."""
        places = range(self.side)
        return [(x, y) for y in places for x in places if (x + y) % 2 == 0]
