"""AdamW, by torch."""

from __future__ import annotations

from typing import Literal

import torch
from torch.optim import Optimizer

from snowmelt.common.bounds import BelowOne, Positive
from snowmelt.training.optimizers.recipe import Recipe, Trained

Implementation = Literal["auto", "fused", "foreach", "for_loop"]


class AdamW(Recipe):
    r"""Adam with a weight decay of its own.

    Args:
        beta_1: the decay of the average of gradients, $\beta_1$.
        beta_2: that of the average of their squares, $\beta_2$.
        eps: added to the root of the latter.
        implementation: how torch computes a step. `fused` is one kernel over all weights,
            `foreach` one for each operation, `for_loop` one for each weight and operation;
            they differ in the last digits. `auto` is fused, or, where gradients are scaled,
            what torch chooses.

    References:
        Loshchilov & Hutter (2019), arXiv:1711.05101, algorithm 2.
    """

    def __init__(
        self,
        beta_1: BelowOne = 0.9,
        beta_2: BelowOne = 0.99,
        eps: Positive = 1e-8,
        implementation: Implementation = "auto",
    ) -> None:
        self.betas = beta_1, beta_2
        self.eps = eps
        self.implementation = implementation
        # It unscales them itself, after they were clipped.
        self.takes_scaled = implementation != "fused"

    def optimizer(self, trained: Trained) -> Optimizer:
        return torch.optim.AdamW(
            trained.groups(),
            lr=trained.learning_rate,
            betas=self.betas,
            eps=self.eps,
            weight_decay=trained.weight_decay,
            **_chosen(self.implementation, trained.is_scaled),
        )


def _chosen(implementation: Implementation, is_scaled: bool) -> dict[str, bool]:
    """The arguments by which torch's optimiser is told."""
    if implementation == "auto":
        return {"fused": not is_scaled}
    if implementation == "fused":
        return {"fused": True}
    return {"foreach": implementation == "foreach"}
