"""The terms of a variational bound, example by example."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Terms:
    """The bound of each example by its terms, in bits a dimension.

    Attributes:
        prior: (B,).
        steps: (B, K), the sum over each stratum of steps.
        reconstruction: (B,).
        small_steps: (B,), what all steps would cost with the posterior's variance.
    """

    prior: Tensor
    steps: Tensor
    reconstruction: Tensor
    small_steps: Tensor

    @property
    def total(self) -> Tensor:
        """The bound. Shapes: -> (B,)"""
        return self.prior + self.steps.sum(1) + self.reconstruction

    @property
    def total_with_small_steps(self) -> Tensor:
        """The bound of the chain whose steps have the posterior's variance. -> (B,)"""
        return self.prior + self.small_steps + self.reconstruction
