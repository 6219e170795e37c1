"""Statistics that depend on a set through the counts of its classes alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_STEP = 1e-4  # the share of a set that takes another class for a derivative


@dataclass(frozen=True)
class OfClasses:
    """A number of the classes of a set, a `Statistic` of classes (n,).

    Attributes:
        number: of the counts of the classes, (K,), which need not be whole.
        kinds: K.
    """

    number: Callable[[np.ndarray], float]
    kinds: int

    def __call__(self, rows: np.ndarray) -> float:
        return self.number(self._counts(rows))

    def gradient(self, rows: np.ndarray) -> np.ndarray:
        """The derivative towards each class, (K,)."""
        counts = self._counts(rows)
        here = self.number(counts)
        towards = (1 - _STEP) * counts + _STEP * len(rows) * np.eye(self.kinds)
        return np.array([self.number(moved) - here for moved in towards]) / _STEP

    def influence(self, rows: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The derivative towards the class of each row. (N,), (K,) -> (N,)"""
        return np.asarray(gradient[rows])

    def _counts(self, rows: np.ndarray) -> np.ndarray:
        return np.bincount(rows, minlength=self.kinds).astype(np.float64)
