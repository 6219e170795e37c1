r"""The exact W2 of many points: a linear program over few pairs, with a proof for the rest.

The program over all pairs of 10,000 points takes a minute and gigabytes. But potentials u
and v with $u_i + v_j \le c_{ij}$ for every pair prove a plan to be the best if it uses
only pairs of equality. So POT's network simplex is given few pairs, those that are nearly
equal under potentials of fewer points, and its answer is held against all the others; what
violates the inequality is added until nothing does. The sum of the potentials is then the
optimum of the whole program, as exact as `wasserstein_2`.

References:
    Gottschlich & Schuhmacher (2014), arXiv:1405.7903 (the shortlist method); Peyre & Cuturi
    (2019), arXiv:1803.00567, section 3.
"""

from __future__ import annotations

import math

import numpy as np
import ot
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from torch import Tensor

FIRST = 1000  # points whose program is solved over all pairs
GROWTH = 3
NEAR = 10  # pairs of a point to begin with, at either end
KEPT = 20  # of a point on average that stay from turn to turn
ADDED = 10
TOLERANCE = 1e-9  # of the inequality, as a share of the largest cost
TURNS = 50
_ROWS = 250  # of a block of costs


def certified_distance(one: NDArray[np.floating], two: NDArray[np.floating]) -> float:
    """W2 between two sets of as many points.

    Shapes:
        one, two: (N, D)

    Raises:
        ValueError: other shapes.
        RuntimeError: no proof was found.
    """
    if one.shape != two.shape or one.ndim != 2:
        raise ValueError(f"two sets of one shape are needed, got {one.shape}, {two.shape}")
    random = np.random.default_rng(0)
    x, y = (
        torch.from_numpy(points[random.permutation(len(points))]).double()
        for points in (one, two)
    )
    count = min(FIRST, len(x))
    whole = ot.dist(x[:count].numpy(), y[:count].numpy())
    _, log = ot.emd([], [], whole, numItermax=10_000_000, log=True)
    u, squared = torch.from_numpy(log["u"]), float(log["cost"])
    while count < len(x):
        before, count = count, min(GROWTH * count, len(x))
        turns = TURNS if count == len(x) else 2
        squared, u = _refined(x[:count], y[:count], x[:before], u, turns)
    return math.sqrt(max(0.0, squared))


def _refined(
    x: Tensor, y: Tensor, seen: Tensor, u: Tensor, turns: int
) -> tuple[float, Tensor]:
    """The cost and the potentials of x, from those of the first few of its points.

    Args:
        turns: after as many it is well, unless this is the last level.
    """
    count = len(x)
    v = _least(y, seen, torch.zeros(count), u, 1)[0][:, 0]
    u = _least(x, y, torch.zeros(count), v, 1)[0][:, 0]
    near = [_least(x, y, u, v, NEAR)[1], _least(y, x, v, u, NEAR)[1]]
    place = torch.arange(count)[:, None].expand(-1, NEAR).flatten()
    # One pairing of all points, so that the program has a solution.
    sorted_x, sorted_y = x[:, 0].argsort(), y[:, 0].argsort()
    rows = torch.cat((place, near[1].flatten(), sorted_x))
    columns = torch.cat((near[0].flatten(), place, sorted_y))
    even = np.full(count, 1.0 / count)
    for _ in range(turns):
        key = torch.unique(rows * count + columns)
        rows, columns = key // count, key % count
        cost = (x[rows] - y[columns]).square().sum(1)
        pairs = (rows.numpy(), columns.numpy())
        sparse = coo_matrix((cost.numpy(), pairs), shape=(count, count))
        plan, log = ot.emd(even, even, sparse, numItermax=10_000_000, log=True)
        u, v = torch.from_numpy(log["u"]), torch.from_numpy(log["v"])
        slack, place = _least(x, y, u, v, ADDED)
        violated = slack < -TOLERANCE * (1.0 + float(cost.max()))
        if not violated.any():
            return float(u.mean() + v.mean()), u
        # What is far from equality goes, but for the pairs of the plan.
        apart = cost - u[rows] - v[columns]
        most = KEPT * count
        if len(apart) > most:
            stays = apart <= apart.kthvalue(most).values
            rows, columns = rows[stays], columns[stays]
        used = [torch.from_numpy(part.astype(np.int64)) for part in (plan.row, plan.col)]
        new = torch.nonzero(violated)
        rows = torch.cat((rows, used[0], new[:, 0]))
        columns = torch.cat((columns, used[1], place[violated]))
    if turns == TURNS:
        raise RuntimeError(f"no proof of the distance was found in {TURNS} turns")
    return float(log["cost"]), u


def _least(x: Tensor, y: Tensor, u: Tensor, v: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The least of c - u - v of each x, and where. Shapes: -> (N, count) each"""
    size_y, found = y.square().sum(1) - v, []
    for rows in torch.arange(len(x)).split(_ROWS):
        size_x = (x[rows].square().sum(1) - u[rows])[:, None]
        slack = torch.addmm(size_y + size_x, x[rows], y.T, alpha=-2.0)
        if count == 1:
            least = slack.min(1, keepdim=True)
        else:
            least = slack.topk(count, dim=1, largest=False, sorted=False)
        found.append(least)
    return torch.cat([one[0] for one in found]), torch.cat([one[1] for one in found])
