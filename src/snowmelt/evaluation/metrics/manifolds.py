r"""Whether samples lie where real examples do, and real examples where samples do.

Around each point of a set lies a ball that reaches to its k-th neighbour in the set; all
balls together stand for the region that the set fills. Precision is the share of samples
that lie in the region of the real examples, recall the share of real examples in the region
of the samples. One real outlier has a large ball, and makes precision kind; density and
coverage use the balls of the real examples alone,

$$\text{density} = \frac{1}{k M} \sum_{j=1}^{M} \sum_{i=1}^{N}
    \mathbb{1}\big[\lVert y_j - x_i\rVert \le r_i\big], \qquad
  \text{coverage} = \frac1N \sum_{i=1}^{N}
    \mathbb{1}\big[\min_j \lVert y_j - x_i\rVert \le r_i\big],$$

with samples $y_j$ and the distance $r_i$ of the real example $x_i$ to its k-th neighbour.
Density is 1 in expectation where both sets are of one distribution, and may be more.
Coverage then tends to $1 - \prod_{m<k} \frac{N - 1 - m}{2N - 1 - m}$ at $M = N$.

All four depend on the counts: the balls of a larger set are smaller. Distances are in
float64 and by blocks, so the memory grows with a set and not with its square. Precision
and recall are torch-fidelity's.

References:
    Kynkaanniemi et al. (2019), arXiv:1904.06991, equations 1 and 2;
    Naeem et al. (2020), arXiv:2002.09797, equations 4 and 5, lemma 2.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_BLOCK = 2**23  # distances at a time, 64 MB
_FEWEST_ROWS = 64


def precision_and_recall(
    samples: np.ndarray, real: np.ndarray, neighbours: int
) -> tuple[float, float]:
    """Both, for sets of features of any counts.

    Args:
        neighbours: k; the count of the smaller set without the point itself, if that is
            less.

    Shapes:
        samples: (M, F), real: (N, F), both of more than one row
    """
    # Here, since it takes seconds, and a report needs none of it.
    from torch_fidelity.metric_prc import calculate_precision_recall_part

    sets = _wide(samples), _wide(real)
    fewest, most = sorted(map(len, sets))
    found = calculate_precision_recall_part(*sets, min(neighbours, fewest - 1), _rows(most))
    return float(found[0]), float(found[1])


def density_and_coverage(
    samples: np.ndarray, real: np.ndarray, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    """What every sample adds to the density, and which real examples are covered.

    The means over the two are density and coverage.

    Args:
        neighbours: k, as of `precision_and_recall`.

    Shapes:
        samples: (M, F), real: (N, F), N > 1 -> (M,), (N,) float64
    """
    y, x = _wide(samples), _wide(real)
    k = min(neighbours, len(x) - 1)
    inside = torch.zeros(len(y), dtype=torch.float64)
    covered = []
    parts = zip(x.split(_rows(len(y))), _radii(x, k).split(_rows(len(y))), strict=True)
    for part, radius in parts:
        is_in = torch.cdist(part, y) <= radius[:, None]
        inside += is_in.sum(dim=0)
        covered.append(is_in.any(dim=1))
    return inside.numpy() / k, torch.cat(covered).double().numpy()


def _radii(x: Tensor, neighbours: int) -> Tensor:
    """The distance of each row to its k-th neighbour, itself not counted."""
    parts = x.split(_rows(len(x)))
    found = [torch.cdist(part, x).kthvalue(neighbours + 1).values for part in parts]
    return torch.cat(found)


def _rows(count: int) -> int:
    """How many rows are compared with `count` others at once."""
    return max(_FEWEST_ROWS, _BLOCK // count)


def _wide(features: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(features, np.float64))
