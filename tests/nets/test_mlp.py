"""The perceptron for points."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snowmelt.nets.mlp import MLP


def mlp(shape: tuple[int, ...] = (2,), **changes: int) -> MLP:
    return MLP(shape, **({"width": 8, "blocks": 2, "embedding": 4} | changes))


def test_as_many_blocks_as_asked_for() -> None:
    assert len(mlp(blocks=3).blocks) == 3
    assert mlp(width=16).first.out_features == 16


def test_the_noise_level_matters_as_soon_as_the_last_layer_speaks() -> None:
    net = mlp()
    nn.init.normal_(net.last.weight)
    x = torch.ones(2, 2)
    low, high = net(x, torch.tensor([-5.0, 5.0]))
    assert not torch.allclose(low, high)


def test_without_its_blocks_it_is_two_linear_layers() -> None:
    net = mlp()
    nn.init.normal_(net.last.weight)
    for block in net.blocks:
        nn.init.zeros_(block.layers[-1].weight)
        nn.init.zeros_(block.layers[-1].bias)
    x = torch.randn(3, 2)
    torch.testing.assert_close(net(x, torch.zeros(3)), net.last(net.first(x)))


def test_the_waves_of_each_coordinate() -> None:
    net = mlp(frequencies=2)
    nn.init.normal_(net.last.weight)
    assert net.first.in_features == 10
    seen = []
    net.first.register_forward_hook(lambda _, given, answer: seen.append(given[0]))
    x = torch.tensor([[0.25, -1.5]])
    net(x, torch.zeros(1))
    angles = torch.pi * torch.tensor([0.125, 0.25, -0.75, -1.5])
    expected = torch.cat((x[0], angles.sin(), angles.cos()))
    torch.testing.assert_close(seen[0], expected[None])


def test_without_waves_the_first_layer_sees_the_coordinates_alone() -> None:
    assert mlp().first.in_features == 2
    seen = []
    net = mlp()
    net.first.register_forward_hook(lambda _, given, answer: seen.append(given[0]))
    x = torch.randn(3, 2)
    net(x, torch.zeros(3))
    assert torch.equal(seen[0], x)


@pytest.mark.parametrize(
    ("shape", "changes", "named"),
    [
        ((1, 8, 8), {}, r"net=mlp is for points.*\(1, 8, 8\): use net=unet"),
        ((), {}, "net=mlp is for points"),
        ((2,), {"width": 0}, "width and blocks must be positive, got 0, 2"),
        ((2,), {"blocks": 0}, "width and blocks must be positive, got 8, 0"),
        ((2,), {"frequencies": -1}, "frequencies must be 0 or more, got -1"),
        ((2,), {"embedding": 3}, "embedding must be a positive even number, got 3"),
    ],
)
def test_refused_arguments(
    shape: tuple[int, ...], changes: dict[str, int], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        mlp(shape, **changes)
