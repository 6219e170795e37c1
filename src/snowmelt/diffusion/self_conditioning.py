r"""Self-conditioning: the network sees an estimate of the data that it made before.

Beside the state the network is shown an estimate $\tilde x_0$, one array more of the
event's shape. Where there is none, and half of the time in training, it is zero:

    training:  x_0_tilde = 0, or for half of the examples x_0_hat(x_t, t, 0) of the same
               x_t, of which no gradient is taken
    sampling:  x_0_tilde = x_0_hat of the evaluation before, 0 at the first

The denoiser asks where the estimate comes from, so that losses, samplers and guidance do
not know of it: `Fresh` makes it in training, `Last` remembers it along one trajectory. A
denoiser without either shows zeros, and then its answer is a function of state and time
alone. Likelihoods, errors of the score, held-out losses and solvers that choose their own
steps need such a function: they use zeros.

References:
    Chen, Zhang & Hinton (2022), arXiv:2208.04202, section 2.3 and algorithms 1 and 2. There
    a coin decides for a whole batch; here one for each example does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

FirstPass = Callable[[Tensor], Tensor]
"""Estimates of some rows of a batch by an evaluation with zeros: (n,) int64 -> (n, *D)"""
ESTIMATE_LIMIT = 5.0
"""Data lies within it. Estimates from predicted noise divide by alpha, and may not."""


class EstimateSource(ABC):
    """Where the estimate comes from that a self-conditioned network sees."""

    @abstractmethod
    def seen(self, first: FirstPass) -> Tensor | None:
        """The estimate for an evaluation of the denoiser; None: zeros.

        Args:
            first: asks the denoiser about the same states with zeros.

        Shapes:
            -> (B, *D)
        """

    def made(self, estimate: Callable[[], Tensor]) -> None:  # noqa: B027
        """Hear of an evaluation, and compute its estimate if it is of use.

        Shapes:
            -> (B, *D)
        """


class Last(EstimateSource):
    """The estimate of the evaluation before, of one batch on its way from noise to data.

    A sampler that evaluates the network twice in a step sees its first answer in the
    second, and that one in the next step. With guidance it is the guided estimate, and all
    evaluations that guidance is made of see the same.
    """

    def __init__(self) -> None:
        self.x_0_hat: Tensor | None = None

    def seen(self, first: FirstPass) -> Tensor | None:
        return self.x_0_hat

    @torch.no_grad()
    def made(self, estimate: Callable[[], Tensor]) -> None:
        # Detached too: what the network answers may be the estimate itself.
        self.x_0_hat = estimate().detach()


class Fresh(EstimateSource):
    """In training: for the chosen examples the network is asked a first time, with zeros.

    Args:
        chosen: which examples of the batch see their own estimate.

    Shapes:
        chosen: (B,) bool
    """

    def __init__(self, chosen: Tensor) -> None:
        self.chosen = chosen

    def seen(self, first: FirstPass) -> Tensor | None:
        whole, count = len(self.chosen), int(self.chosen.sum())
        if not count:
            return None
        # In quarters of the batch: a compiled network is compiled again for every size.
        size = math.ceil(whole * math.ceil(4 * count / whole) / 4)
        rows = torch.argsort(self.chosen, descending=True, stable=True)[:size]
        with torch.no_grad():
            made = first(rows)
        found = made.new_zeros(whole, *made.shape[1:])
        found[rows[:count]] = made[:count]
        return found
