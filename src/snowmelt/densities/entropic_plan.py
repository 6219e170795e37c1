r"""The entropic plan between two discrete distributions, by Sinkhorn's iteration.

Of all plans with the marginals a and b, the one of least
$\sum_{ij}\pi_{ij}c_{ij} + \varepsilon\,\mathrm{KL}(\pi\,\|\,a \otimes b)$ has the form
$\pi_{ij} = a_i b_j\,e^{(f_i + g_j - c_{ij})/\varepsilon}$. Its two potentials are found in
turn, each from the marginal that it has to mend:

$$f_i = -\varepsilon\log\sum_j b_j\,e^{(g_j - c_{ij})/\varepsilon}, \qquad
  g_j = -\varepsilon\log\sum_i a_i\,e^{(f_i - c_{ij})/\varepsilon}.$$

In logarithms no entropy is too small for floating point; it only takes more rounds. On a
grid this is the exact answer to which a learned coupling is compared.

References:
    Cuturi (2013), arXiv:1306.0895; Peyre & Cuturi (2019), arXiv:1803.00567, section 4.4.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_positive


def entropic_plan(
    cost: Tensor,
    one: Tensor,
    two: Tensor,
    entropy: float,
    *,
    tolerance: float = 1e-10,
    limit: int = 100_000,
) -> Tensor:
    r"""The plan of least cost and entropy; see `entropic_potentials` for the arguments.

    Shapes:
        cost: (N, M), one: (N,), two: (M,) -> (N, M) float64

    Raises:
        ValueError: see there.
    """
    f, g = entropic_potentials(cost, one, two, entropy, tolerance=tolerance, limit=limit)
    log_a, log_b = (_marginal(part).log() for part in (one, two))
    scaled = cost.to(torch.float64) / entropy
    return torch.exp(log_a[:, None] + log_b + f[:, None] + g - scaled)


def entropic_potentials(
    cost: Tensor,
    one: Tensor,
    two: Tensor,
    entropy: float,
    *,
    tolerance: float = 1e-10,
    limit: int = 100_000,
) -> tuple[Tensor, Tensor]:
    r"""The potentials of the plan of least cost and entropy, over the entropy.

    Args:
        cost: $c_{ij}$; with $\tfrac12\lVert x_i - y_j\rVert^2$ and $\varepsilon = s^2$ it
            is the plan of the Schroedinger bridge of noise s.
        one, two: the marginals a and b, each of sum 1.
        entropy: $\varepsilon$.
        tolerance: of the sum of what the first marginal misses.
        limit: the most rounds.

    Shapes:
        cost: (N, M), one: (N,), two: (M,)
        -> $f / \varepsilon$ (N,), $g / \varepsilon$ (M,) float64

    Raises:
        ValueError: marginals that do not fit, or are none; an entropy that is not positive;
            or the limit was reached.
    """
    check_positive(entropy=entropy)
    scaled = cost.to(torch.float64) / entropy
    a, b = (_marginal(part) for part in (one, two))
    if scaled.shape != (len(a), len(b)):
        raise ValueError(
            f"a cost of the shape {tuple(cost.shape)} does not fit marginals of {len(a)}"
            f" and {len(b)}"
        )
    log_a, log_b = a.log(), b.log()
    f, g = torch.zeros_like(a), torch.zeros_like(b)
    for _ in range(limit):
        f = -torch.logsumexp(log_b + g - scaled, 1)
        g = -torch.logsumexp(log_a[:, None] + f[:, None] - scaled, 0)
        # The second marginal is met by now; the first is not, unless this is the end.
        found = log_a + f + torch.logsumexp(log_b + g - scaled, 1)
        if float((found.exp() - a).abs().sum()) < tolerance:
            return f, g
    raise ValueError(
        f"{limit} rounds did not bring the plan within {tolerance:g} of its marginals:"
        f" raise the entropy, {entropy:g}, or the limit"
    )


def _marginal(weights: Tensor) -> Tensor:
    found = weights.to(torch.float64)
    if found.ndim != 1 or not (found > 0).all() or abs(float(found.sum()) - 1.0) > 1e-6:
        raise ValueError("a marginal must be a row of positive numbers of sum 1")
    return found / found.sum()
