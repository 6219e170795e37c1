"""The interface of a density."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Density(ABC):
    """A normalised density that can be drawn from.

    Arguments may have any event shape with the right number of elements, and any floating
    type; the arithmetic is in float64 and answers come back in the type of the question.
    """

    @abstractmethod
    def sample(self, n: int, *, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Independent draws, keyed by (seed, number): the first of many are those of few.

        Shapes:
            -> (n, D)
        """

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """The logarithm of the density, in nats. Shapes: x: (B, *D) -> (B,)"""

    def score(self, x: Tensor) -> Tensor:
        r"""$\nabla\log q(x)$, by differentiating. Shapes: x: (B, *D) -> (B, *D)"""
        with torch.enable_grad():
            point = x.detach().clone().requires_grad_()
            (score,) = torch.autograd.grad(self.log_prob(point).sum(), point)
        return score
