"""SOAP against its algorithm, written out over whole matrices, on a quadratic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snowmelt.training.optimizers import SOAP, Trained

Gradient = Callable[[Tensor, int], Tensor]


def rotation(size: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(size, size, generator=generator, dtype=torch.float64)
    return torch.linalg.qr(drawn)[0]


def quadratic(left: Tensor, right: Tensor) -> Gradient:
    """The gradient of an ill-conditioned quadratic whose axes are turned, at a matrix.

    There is a little noise, as in a training: a second gradient at the same place would be
    diagonal in the bases of the first, and the rest of it rounding.
    """
    rows, columns = (
        torch.logspace(0, -2, len(side), dtype=torch.float64) for side in (left, right)
    )
    goal = torch.arange(float(len(left) * len(right)), dtype=torch.float64)
    goal = goal.reshape(len(left), len(right)) / 10
    curved = rows[:, None] * columns

    def gradient(weight: Tensor, step: int) -> Tensor:
        noise = 0.1 * torch.randn(
            goal.shape, generator=torch.Generator().manual_seed(step), dtype=torch.float64
        )
        return left @ (curved * (left.T @ weight @ right - goal) + noise) @ right.T

    return gradient


class Holder(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())


def ours(recipe: SOAP, start: Tensor, gradient: Gradient, steps: int, **how: Any) -> Tensor:
    holder = Holder(start)
    optimizer = recipe.optimizer(Trained(holder, **how))
    for step in range(steps):
        holder.weight.grad = gradient(holder.weight.detach(), step)
        optimizer.step()
    return holder.weight.detach()


def theirs(
    start: Tensor, gradient: Gradient, steps: int, turn_every: int, rate: float
) -> Tensor:
    """Algorithms 3 and 4 of the paper, with the symbols that it has."""
    weight, beta = start.clone(), 0.95
    first = gradient(weight, 0)
    left, right = (1 - beta) * first @ first.T, (1 - beta) * first.T @ first
    basis_l, basis_r = (torch.linalg.eigh(outer)[1].flip(1) for outer in (left, right))
    m, v = torch.zeros_like(weight), torch.zeros_like(weight)
    for t in range(1, steps):
        g = gradient(weight, t)
        g_turned = basis_l.T @ g @ basis_r
        m = beta * m + (1 - beta) * g
        v = beta * v + (1 - beta) * g_turned**2
        n = (basis_l.T @ m @ basis_r / (1 - beta**t)) / ((v / (1 - beta**t)).sqrt() + 1e-8)
        weight = weight - rate * basis_l @ n @ basis_r.T
        left = beta * left + (1 - beta) * g @ g.T
        right = beta * right + (1 - beta) * g.T @ g
        if t % turn_every == 0:
            order = (basis_l.T @ left @ basis_l).diagonal().argsort(descending=True)
            basis_l, v = torch.linalg.qr(left @ basis_l[:, order])[0], v[order]
            order = (basis_r.T @ right @ basis_r).diagonal().argsort(descending=True)
            basis_r, v = torch.linalg.qr(right @ basis_r[:, order])[0], v[:, order]
    return weight


@pytest.mark.parametrize("turn_every", [1, 3, 100])
def test_it_is_the_algorithm_of_the_paper(turn_every: int) -> None:
    # As many columns as rows: of fewer, the bases would not be unique.
    gradient = quadratic(rotation(5, 1), rotation(5, 2))
    start = torch.zeros(5, 5, dtype=torch.float64)
    found = ours(SOAP(turn_every=turn_every), start, gradient, 20, learning_rate=0.05)
    expected = theirs(start, gradient, 20, turn_every, 0.05)
    torch.testing.assert_close(found, expected)


def test_turned_axes_change_nothing() -> None:
    """Its whole point: the steps in turned coordinates are the turned steps."""
    straight = quadratic(*(torch.eye(5, dtype=torch.float64) for _ in range(2)))
    left, right = rotation(5, 1), rotation(5, 2)
    turned = quadratic(left, right)
    start = torch.zeros(5, 5, dtype=torch.float64)
    recipe = SOAP(turn_every=1)
    first = ours(recipe, start, straight, 40, learning_rate=0.05)
    second = ours(recipe, start, turned, 40, learning_rate=0.05)
    torch.testing.assert_close(left.T @ second @ right, first)


def test_the_first_gradient_finds_the_bases_alone() -> None:
    start = torch.ones(3, 4, dtype=torch.float64)
    found = ours(SOAP(), start, lambda weight, _: weight, 1, learning_rate=0.1)
    assert torch.equal(found, start)


@pytest.mark.parametrize("shape", [(7,), (3, 2000), (1, 1)])
def test_without_a_basis_it_is_adam(shape: tuple[int, ...]) -> None:
    """One side, or sides that are too long or too short to be turned."""
    recipe = SOAP(beta_1=0.9, beta_2=0.99, largest=2)
    start = torch.linspace(-1, 1, math.prod(shape), dtype=torch.float64).reshape(shape)
    found = ours(
        recipe, start, lambda w, _: w.sin(), 6, learning_rate=0.01, weight_decay=0.1
    )
    holder = Holder(start)
    other = torch.optim.AdamW(
        [holder.weight], lr=0.01, betas=(0.9, 0.99), weight_decay=0.1, foreach=False
    )
    for _ in range(6):
        holder.weight.grad = torch.sin(holder.weight.detach())
        other.step()
    torch.testing.assert_close(found, holder.weight.detach())


def test_places_of_a_convolution_are_one_side() -> None:
    net = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    optimizer = SOAP().optimizer(Trained(net))
    for weight in net.parameters():
        weight.grad = torch.randn_like(weight)
    optimizer.step()
    bases = optimizer.state[net.weight]["bases"]
    assert [len(basis) for basis in bases] == [4, 3, 9]
    for basis in bases:
        torch.testing.assert_close(basis.T @ basis, torch.eye(len(basis)))
    before = net.weight.detach().clone()
    optimizer.step()
    assert not torch.equal(net.weight, before)
    assert net.weight.is_contiguous(memory_format=torch.channels_last)
