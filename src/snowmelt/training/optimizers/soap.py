r"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

For a gradient $G$ of a matrix, Shampoo averages $L = \mathrm{E}[G G^T]$ and
$R = \mathrm{E}[G^T G]$. Adam is run on the gradient in their eigenbases,
$Q_L^T G Q_R$, in which the loss is curved along the axes as nearly as such a basis allows,
and its step is turned back. The bases follow the averages slowly: every so many steps one
power iteration and a QR decomposition.

A convolution is an array of three sides, outputs, inputs and places, and each has a basis.
What has one side (norms, biases) is stepped by Adam.

References:
    Vyas et al. (2024), arXiv:2409.11321, algorithm 3; algorithm 4 for the bases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from snowmelt.common.bounds import BelowOne, Count, Positive, Width
from snowmelt.training.optimizers.recipe import Recipe, Trained


class SOAP(Recipe):
    r"""Adam in a slowly turning eigenbasis, with a weight decay of its own.

    Args:
        beta_1: the decay of the average of gradients.
        beta_2: that of the averages of their squares, and of $L$ and $R$.
        eps: added to the root of the former.
        turn_every: steps between two turns of the bases.
        largest: a side longer than this keeps its own basis, since a decomposition takes
            time in proportion to its cube.
    """

    def __init__(
        self,
        beta_1: BelowOne = 0.95,
        beta_2: BelowOne = 0.95,
        eps: Positive = 1e-8,
        turn_every: Count = 10,
        largest: Width = 1024,
    ) -> None:
        self.largest = largest
        self.settings = {
            "betas": (beta_1, beta_2),
            "eps": eps,
            "turn_every": turn_every,
            "largest": largest,
        }

    def optimizer(self, trained: Trained) -> Optimizer:
        how = {"lr": trained.learning_rate, "weight_decay": trained.weight_decay}
        return _SOAP(trained.groups(), how | self.settings)

    def kept(self, net: nn.Module) -> int:
        """Two moments, and of each side that is turned its outer products and its basis."""
        turned = (
            size
            for weight in net.parameters()
            for size, is_turned in zip(
                sides(weight).shape, _turned(sides(weight), self.largest), strict=True
            )
            if is_turned
        )
        return super().kept(net) + sum(2 * size**2 for size in turned)


class _SOAP(Optimizer):
    """The steps of SOAP; a weight's state holds its averages, and its bases by side."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._step(weight, group)
        return loss

    def _step(self, weight: Tensor, group: dict[str, Any]) -> None:
        values, gradient = sides(weight), sides(weight.grad)  # type: ignore[arg-type]
        state = self.state[weight]
        if not state:
            # The first gradient finds the bases; a step in a basis of its own would have
            # no more than the sign of each entry.
            state.update(_begun(gradient, group["largest"], group["betas"][1]))
            if any(basis is not None for basis in state["bases"]):
                return
        state["step"] += 1
        _adam(values, gradient, state, group)
        if any(basis is not None for basis in state["bases"]):
            _follow(gradient, state, group["betas"][1])
            if int(state["step"]) % group["turn_every"] == 0:
                _turn(state)


def sides(weight: Tensor) -> Tensor:
    """A weight, or its gradient, with all places of a convolution as one side: no copy.

    Shapes:
        weight: (A, B, *places) -> (A, B, places); any other as it is
    """
    return weight.flatten(2) if weight.ndim > 3 else weight


def _begun(gradient: Tensor, largest: int, beta: float) -> dict[str, Any]:
    """The state before the first step."""
    is_turned = _turned(gradient, largest)
    state: dict[str, Any] = {
        "step": torch.zeros(()),
        "average": torch.zeros_like(gradient),
        "squares": torch.zeros_like(gradient),
        "outer": [
            gradient.new_zeros(size, size) if turned else None
            for size, turned in zip(gradient.shape, is_turned, strict=True)
        ],
    }
    _follow(gradient, state, beta)
    state["bases"] = [
        None if outer is None else torch.linalg.eigh(_wide(outer))[1].flip(1).to(outer)
        for outer in state["outer"]
    ]
    return state


def _turned(values: Tensor, largest: int) -> list[bool]:
    """Which sides have a basis of their own: those of matrices and arrays, if not long."""
    return [values.ndim > 1 and 1 < size <= largest for size in values.shape]


def _adam(
    values: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
) -> None:
    """One step of Adam in the bases."""
    (beta_1, beta_2), step = group["betas"], int(state["step"])
    state["average"].lerp_(gradient, 1 - beta_1)
    turned = _into(gradient, state["bases"])
    state["squares"].mul_(beta_2).addcmul_(turned, turned, value=1 - beta_2)
    root = (state["squares"] / (1 - beta_2**step)).sqrt_().add_(group["eps"])
    average = _into(state["average"], state["bases"]) / (1 - beta_1**step)
    values.mul_(1 - group["lr"] * group["weight_decay"])
    values.sub_(_back(average / root, state["bases"]), alpha=group["lr"])


def _into(values: Tensor, bases: list[Tensor | None]) -> Tensor:
    """Values in the bases of their sides."""
    for side, basis in enumerate(bases):
        if basis is not None:
            values = torch.tensordot(values, basis, ([side], [0])).movedim(-1, side)
    return values


def _back(values: Tensor, bases: list[Tensor | None]) -> Tensor:
    """Values that are given in the bases, in their own coordinates."""
    return _into(values, [None if basis is None else basis.T for basis in bases])


def _follow(gradient: Tensor, state: dict[str, Any], beta: float) -> None:
    """Move the averages of the outer products along each side towards the gradient's."""
    for side, outer in enumerate(state["outer"]):
        if outer is not None:
            others = [other for other in range(gradient.ndim) if other != side]
            outer.lerp_(torch.tensordot(gradient, gradient, (others, others)), 1 - beta)


def _turn(state: dict[str, Any]) -> None:
    """Turn the bases towards the eigenvectors: one power iteration, then orthogonal.

    Before it the columns are sorted by what they catch, so that the iteration finds the
    larger ones first; the averages of squares go with their columns.
    """
    for side, (outer, basis) in enumerate(zip(state["outer"], state["bases"], strict=True)):
        if basis is not None:
            caught = torch.einsum("ij,ik,kj->j", basis, outer, basis)
            order = caught.argsort(descending=True)
            state["squares"] = state["squares"].index_select(side, order)
            turned = torch.linalg.qr(_wide(outer @ basis[:, order]))[0]
            state["bases"][side] = turned.to(basis)


def _wide(matrix: Tensor) -> Tensor:
    """The matrix in numbers that torch decomposes: half precision is none."""
    return matrix.to(torch.promote_types(matrix.dtype, torch.float32))
