"""Muon: torch's own on matrices, the same on convolutions, and AdamW on all else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.training.optimizers import Muon, Recipe, Trained
from snowmelt.training.optimizers.muon import as_matrix


def gradients(weight: torch.Tensor, count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(weight.shape, generator=generator) for _ in range(count)]


def run(optimizer: Any, weight: torch.Tensor, given: list[torch.Tensor]) -> torch.Tensor:
    for gradient in given:
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
@pytest.mark.parametrize("scale", ["match_rms_adamw", "original", "spectral_unclamped"])
def test_a_matrix_is_stepped_as_by_torch(shape: tuple[int, int], scale: Any) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(shape[1], shape[0], bias=False))
    mine = net[0].weight
    theirs = nn.Parameter(mine.detach().clone())
    other = torch.optim.Muon(
        [theirs], lr=0.02, weight_decay=0.1, momentum=0.9, adjust_lr_fn=scale
    )
    recipe = Muon(momentum=0.9, scale=scale)
    ours = recipe.optimizer(Trained(net, learning_rate=0.02, weight_decay=0.1))
    given = gradients(mine, 5)
    assert torch.equal(run(ours, mine, given), run(other, theirs, given))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_is_the_matrix_of_outputs_by_all_inputs(layout: Any) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3, bias=False).to(memory_format=layout))
    mine = net[0].weight
    theirs = nn.Parameter(mine.detach().reshape(5, 27).clone())
    given = gradients(mine, 5)
    other = torch.optim.Muon(
        [theirs], lr=0.02, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    ours = Muon().optimizer(Trained(net, learning_rate=0.02))
    stepped = run(ours, mine, given).reshape(5, 27)
    expected = run(other, theirs, [gradient.reshape(5, 27) for gradient in given])
    # The inputs stand in another order, so sums in bfloat16 round otherwise.
    torch.testing.assert_close(stepped, expected, rtol=0, atol=0.02 * 0.2 * 27**0.5 * 0.02)
    assert mine.is_contiguous(memory_format=layout)


def test_every_direction_moves_equally_far() -> None:
    """One direction has a gradient a hundred times that of the others."""
    net = nn.Sequential(nn.Linear(8, 8, bias=False))
    before = net[0].weight.detach().clone()
    left, _ = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)))
    spread = torch.tensor([100.0] + [1.0] * 7)
    ours = Muon(scale="original").optimizer(Trained(net, learning_rate=1.0))
    run(ours, net[0].weight, [left * spread])
    sizes = torch.linalg.svdvals(before - net[0].weight.detach())
    assert float(sizes.min()) > 0.6
    assert float(sizes.max()) < 1.3


def test_all_else_is_stepped_by_adamw() -> None:
    class Net(nn.Module):
        ends = ("last",)

        def __init__(self) -> None:
            super().__init__()
            self.linear, self.last = nn.Linear(3, 3), nn.Linear(3, 3)
            self.embedding = nn.Embedding(4, 3)

    torch.manual_seed(0)
    net = Net()
    rest = [net.linear.bias, *net.last.parameters(), *net.embedding.parameters()]
    copies = [nn.Parameter(weight.detach().clone()) for weight in rest]
    how = {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-6}
    other = torch.optim.AdamW(copies, foreach=True, **how)
    recipe = Muon(beta_1=0.8, beta_2=0.95, eps=1e-6)
    ours = recipe.optimizer(Trained(net, learning_rate=0.01, weight_decay=0.1))
    generator = torch.Generator().manual_seed(2)
    for _ in range(4):
        for weight, copied in zip(rest, copies, strict=True):
            weight.grad = torch.randn(weight.shape, generator=generator)
            copied.grad = weight.grad.clone()
        ours.step()
        other.step()
    for weight, copied in zip(rest, copies, strict=True):
        assert torch.equal(weight, copied)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (4, 3, 3, 2), (4, 1, 3, 3)])
def test_a_weight_and_its_matrix_are_one_memory(shape: tuple[int, ...]) -> None:
    layouts = [torch.channels_last] if len(shape) == 4 else []
    for layout in (torch.contiguous_format, *layouts):
        weight = torch.randn(shape).contiguous(memory_format=layout)
        matrix = as_matrix(weight, weight)
        assert matrix.shape == (4, weight.numel() // 4)
        assert matrix.data_ptr() == weight.data_ptr()
        matrix.zero_()
        assert not weight.any()


def test_too_many_iterations_are_refused() -> None:
    node = {"_target_": "snowmelt.optimizers.Muon", "iterations": 100}
    with pytest.raises(UserError, match="must be a positive integer, at most 99"):
        build(node, Recipe)
