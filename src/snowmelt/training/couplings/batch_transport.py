r"""The optimal and the entropic plan of a batch, by POT.

Both weigh a pair by the squared distance of its ends. With as many starts as examples, all
of one weight, an optimal plan is a permutation: each start is given away once. An entropic
plan is not, and each example draws its start from its own row.

References:
    Flamary et al. (2021), "POT: Python optimal transport".
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.common.argument_checks import check_positive
from snowmelt.common.bounds import Positive
from snowmelt.common.errors import UserError
from snowmelt.training.couplings.coupling import Coupling

_ROUNDS = 5000
_TOLERANCE = 1e-6  # of the plan's marginals; a draw does not see less
_MOST_MISSED = 0.02  # of the starts' weight


class OptimalTransport(Coupling):
    r"""The plan of least squared distance over the batch: OT-CFM's.

    torchcfm draws as many pairs from this plan with replacement; here each example and
    each start of the batch is in one pair, which has the same law and less variance.

    References:
        Tong et al. (2024), arXiv:2302.00482, section 3.2.3.
    """

    def partners(
        self, x_0: Tensor, x_1: Tensor, drawn: Tensor, labels: Tensor | None = None
    ) -> Tensor:
        import ot

        even = _even(len(x_0))
        plan = ot.emd(even, even, _cost(x_0, x_1), numItermax=10_000_000, numThreads=1)
        return torch.from_numpy(np.argmax(plan, axis=1)).to(x_0.device)


class Sinkhorn(Coupling):
    r"""Draws from the entropic plan over the batch, of least
    $\mathrm{E}\tfrac12\lVert x_0 - x_1\rVert^2 + \varepsilon\,\mathrm{KL}$.

    With Brownian bridges of the noise $s = \sqrt\varepsilon$ between the pairs it is the
    Schroedinger bridge of that noise. Without the half of the cost the same plan has the
    entropy $2\varepsilon$, which is what POT and torchcfm call `reg`.

    Args:
        entropy: $\varepsilon$, in the square of the model's unit.

    Raises:
        ValueError: `entropy` is not positive.

    References:
        Cuturi (2013), arXiv:1306.0895; Tong et al. (2024), arXiv:2307.03672, section 3.2.
    """

    def __init__(self, entropy: Positive = 1.0) -> None:
        check_positive(entropy=entropy)
        self.entropy = entropy

    def partners(
        self, x_0: Tensor, x_1: Tensor, drawn: Tensor, labels: Tensor | None = None
    ) -> Tensor:
        whole = self.plan(x_0, x_1).cumsum(axis=1)
        wanted = drawn.cpu().numpy()[:, None] * whole[:, -1:]
        place = np.minimum((whole < wanted).sum(axis=1), len(x_1) - 1)
        return torch.from_numpy(place).to(x_0.device)

    def plan(self, x_0: Tensor, x_1: Tensor) -> NDArray[np.float64]:
        """The plan of a batch. Shapes: (B, *D), (B, *D) -> (B, B)

        Raises:
            UserError: so little entropy that it was not found in time.
        """
        import ot

        even = _even(len(x_0))
        plan: NDArray[np.float64] = ot.sinkhorn(
            even,
            even,
            _cost(x_0, x_1),
            reg=2.0 * self.entropy,
            method="sinkhorn_log",
            numItermax=_ROUNDS,
            stopThr=_TOLERANCE,
            warn=False,
        )
        missed = max(np.abs(plan.sum(axis) - even).sum() for axis in (0, 1))
        if not missed <= _MOST_MISSED:
            raise UserError(
                f"coupling.entropy={self.entropy:g} is so little for this data that"
                f" {_ROUNDS} rounds find no plan: raise it, or use"
                " coupling=optimal_transport"
            )
        return plan


def _even(count: int) -> NDArray[np.float64]:
    return np.full(count, 1.0 / count)


def _cost(x_0: Tensor, x_1: Tensor) -> NDArray[np.float64]:
    """Squared distances. Shapes: (B, *D), (B, *D) -> (B, B) float64"""
    one, two = (part.detach().double().flatten(1).cpu() for part in (x_0, x_1))
    squared = torch.cdist(one, two, compute_mode="donot_use_mm_for_euclid_dist").square()
    return squared.numpy()
