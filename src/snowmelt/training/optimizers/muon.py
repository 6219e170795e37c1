r"""Muon: steps along the nearest orthogonal matrix of the momentum.

A gradient of a matrix is dominated by a few directions. Muon takes the singular value
decomposition $U S V^T$ of the momentum and steps along $U V^T$ instead, so that every
direction moves equally far; a few Newton-Schulz iterations find it without a decomposition.

torch's own does so for matrices alone. Here a convolution is the matrix of its outputs by
all that each of them sees, and what is no hidden weight is stepped by AdamW, in one
optimiser, so that a training has one.

References:
    Jordan et al. (2024), https://kellerjordan.github.io/posts/muon/. Liu et al. (2025),
    arXiv:2502.16982, section 2.2, for the scale that lets it share AdamW's learning rate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim._muon import muon
from torch.optim.adamw import adamw

from snowmelt.common.bounds import BelowOne, Iterations, Positive
from snowmelt.training.optimizers.recipe import Recipe, Trained, hidden_weights

Scale = Literal["match_rms_adamw", "original", "spectral_unclamped"]
# Of the polynomial whose iterates bring every singular value to about one: Jordan's.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_EPS = 1e-7


class Muon(Recipe):
    r"""Muon for hidden matrices and convolutions, AdamW for all else.

    Args:
        momentum: the decay of the average of gradients.
        nesterov: look one step ahead along it.
        iterations: of Newton and Schulz.
        scale: what the learning rate of a matrix of A outputs and B inputs is multiplied
            by. `match_rms_adamw`, $0.2\sqrt{\max(A, B)}$, makes steps as long as AdamW's,
            so that `training.learning_rate` serves both; `original` is
            $\sqrt{\max(1, A / B)}$, `spectral_unclamped` $\sqrt{A / B}$.
        beta_1, beta_2, eps: of AdamW.
    """

    def __init__(
        self,
        momentum: BelowOne = 0.95,
        nesterov: bool = True,
        iterations: Iterations = 5,
        scale: Scale = "match_rms_adamw",
        beta_1: BelowOne = 0.9,
        beta_2: BelowOne = 0.99,
        eps: Positive = 1e-8,
    ) -> None:
        self.matrices = {
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_steps": iterations,
            "adjust_lr_fn": scale,
        }
        self.rest = {"beta1": beta_1, "beta2": beta_2, "eps": eps}

    def optimizer(self, trained: Trained) -> Optimizer:
        hidden = hidden_weights(trained.net)
        known = set(map(id, hidden))
        rest = [one for one in trained.net.parameters() if id(one) not in known]
        groups: list[dict[str, Any]] = [
            {"params": hidden, "is_matrix": True, **self.matrices},
            {"params": rest, **self.rest},
            {"params": list(trained.schedule), **self.rest, "weight_decay": 0.0},
        ]
        return _MuonAndAdamW(
            [group for group in groups if group["params"]],
            trained.learning_rate,
            trained.weight_decay,
        )

    def kept(self, net: nn.Module) -> int:
        """One average of a matrix's gradients, two moments of all else."""
        return super().kept(net) - sum(one.numel() for one in hidden_weights(net))


class _MuonAndAdamW(Optimizer):
    """Steps each group of parameters by one of torch's two functions."""

    def __init__(
        self, groups: list[dict[str, Any]], learning_rate: float, weight_decay: float
    ) -> None:
        defaults = {"lr": learning_rate, "weight_decay": weight_decay, "is_matrix": False}
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            known = {**group, "params": [p for p in group["params"] if p.grad is not None]}
            self._step_matrices(**known) if group["is_matrix"] else self._step_rest(**known)
        return loss

    def _step_matrices(
        self, *, params: list[Tensor], is_matrix: bool, initial_lr: float = 0.0, **how: Any
    ) -> None:
        weights = [as_matrix(weight, weight) for weight in params]
        gradients = [as_matrix(weight.grad, weight) for weight in params]  # type: ignore[arg-type]
        for weight, matrix in zip(params, weights, strict=True):
            if not self.state[weight]:
                self.state[weight]["average"] = torch.zeros_like(matrix)
        averages = [self.state[weight]["average"] for weight in params]
        more: dict[str, Any] = {"ns_coefficients": _COEFFICIENTS, "eps": _EPS}
        muon(weights, gradients, averages, has_complex=False, **more, **how)

    def _step_rest(
        self, *, params: list[Tensor], is_matrix: bool, initial_lr: float = 0.0, **how: Any
    ) -> None:
        for weight in params:
            if not self.state[weight]:
                self.state[weight] = {
                    "average": torch.zeros_like(weight),
                    "squares": torch.zeros_like(weight),
                    "step": torch.zeros(()),
                }
        averages, squares, steps = (
            [self.state[weight][name] for weight in params]
            for name in ("average", "squares", "step")
        )
        gradients: list[Any] = [weight.grad for weight in params]
        adamw(
            params, gradients, averages, squares, [], steps,
            foreach=True, amsgrad=False, maximize=False, **how,
        )  # fmt: skip


def as_matrix(values: Tensor, weight: Tensor) -> Tensor:
    """The values of a weight, or of its gradient, as a matrix.

    The inputs are taken in the order in which the weight holds them in memory, so that the
    matrix of the weight is no copy: to change it changes the weight.

    Shapes:
        values, weight: (A, *inputs) -> (A, B)
    """
    order = sorted(range(1, weight.ndim), key=weight.stride, reverse=True)
    return values.permute(0, *order).flatten(1)
