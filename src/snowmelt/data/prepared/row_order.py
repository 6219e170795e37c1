"""Random orders of rows, one after another without end."""

from __future__ import annotations

import numpy as np

from snowmelt.common.randomness import Stream, permutation


class RowOrder:
    """The rows at places of an endless row of random orders, each keyed by its number.

    The orders that the last question needed are kept for the next.

    Args:
        count: of the rows.
        seed, stream: of the orders.
    """

    def __init__(self, count: int, *, seed: int, stream: Stream) -> None:
        self.count = count
        self.seed = seed
        self.stream = stream
        self._orders: dict[int, np.ndarray] = {}

    def rows(self, place: np.ndarray) -> np.ndarray:
        """The rows at these places. Shapes: (B,) int64 -> (B,) int64"""
        rounds, offset = np.divmod(place, self.count)
        needed = {int(number): self._order(int(number)) for number in np.unique(rounds)}
        self._orders = needed
        return np.array([needed[int(r)][o] for r, o in zip(rounds, offset, strict=True)])

    def _order(self, number: int) -> np.ndarray:
        if number in self._orders:
            return self._orders[number]
        order = permutation(self.count, seed=self.seed, stream=self.stream, index=number)
        return order.numpy()
