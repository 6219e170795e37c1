"""How near the nearest training example is: a look at whether samples are copies."""

from __future__ import annotations

import numpy as np
import torch

_CHUNK = 256
MOST_HELD_OUT = 2000


def nearest(rows: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The Euclidean distance of each row to its nearest neighbour.

    Shapes:
        rows: (N, F), among: (M, F) -> (N,) float64
    """
    pool = torch.from_numpy(np.asarray(among, np.float64))
    wide = torch.from_numpy(np.asarray(rows, np.float64))
    found = [torch.cdist(part, pool).amin(dim=1) for part in wide.split(_CHUNK)]
    return torch.cat(found).numpy()


def typical_distance(held_out: np.ndarray, train: np.ndarray) -> float:
    """The median distance of held-out features to the training split's.

    At most the first 2,000 are taken: the held-out split is in random order.
    """
    return float(np.median(nearest(held_out[:MOST_HELD_OUT], train)))


def near_share(samples: np.ndarray, train: np.ndarray, typical: float) -> float:
    """The share of samples that are nearer to a training example than `typical`.

    Fresh real data gives one half. Copies of training examples give one; so, in part, does
    a model that draws only what is most common.
    """
    return float(np.mean(nearest(samples, train) < typical))
