"""Nearest neighbours of features in another set: their distance and their class."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree

from snowmelt.common.array_files import release

_CHUNK = 256
_POOL = 2**14  # rows that the others are compared with at a time
MOST_HELD_OUT = 2000


def nearest_distance(rows: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The Euclidean distance of each row to its nearest neighbour.

    Shapes:
        rows: (N, F), among: (M, F) -> (N,) float64
    """
    wide = torch.from_numpy(np.asarray(rows, np.float64))
    least = torch.full((len(wide),), torch.inf, dtype=torch.float64)
    # Nothing that stays is made between the matrices: the heap would grow around it.
    room = torch.empty((min(_POOL, len(among)), wide.shape[1]), dtype=torch.float64)
    for start in range(0, len(among), _POOL):
        pool = room[: len(among) - start]
        pool.numpy()[:] = among[start : start + _POOL]
        for part, nearest in zip(wide.split(_CHUNK), least.split(_CHUNK), strict=True):
            torch.minimum(nearest, torch.cdist(part, pool).amin(dim=1), out=nearest)
        release(among)
    return least.numpy()


def typical_distance(held_out: np.ndarray, train: np.ndarray) -> float:
    """The median distance of held-out features to the nearest of the training split.

    At most the first 2,000 are taken: the held-out split is in random order.
    """
    return float(np.median(nearest_distance(held_out[:MOST_HELD_OUT], train)))


def nearest_class(rows: np.ndarray, train: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class of the training point next to each row.

    Shapes:
        rows: (N, F), train: (M, F), labels: (M,) -> (N,)
    """
    _, place = cKDTree(np.asarray(train, np.float64)).query(np.asarray(rows, np.float64))
    return np.asarray(labels)[place]
