"""The two networks: any size, any channels, and not alike."""

from __future__ import annotations

import pytest
import torch

from snowmelt.evaluation.features.convnets import GridNet, PlainNet, halvings

SHAPES = [
    (1, 8, 8),
    (3, 8, 8),
    (1, 28, 28),
    (3, 32, 32),
    (3, 64, 48),
    (1, 8, 100),
    (2, 4, 5),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [PlainNet, GridNet])
def test_any_shape(
    kind: type[PlainNet] | type[GridNet], shape: tuple[int, int, int]
) -> None:
    net = kind(shape[0], shape[1:], 7)
    x = torch.randn(2, *shape)
    assert net(x).shape == (2, 7)
    net(x).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize(
    ("side", "count"), [(4, 0), (7, 0), (8, 1), (15, 1), (16, 2), (28, 2), (32, 3), (64, 4)]
)
def test_halvings(side: int, count: int) -> None:
    assert halvings(side, side) == halvings(side, side + 50) == count


def test_features_are_what_the_last_layer_sees() -> None:
    net, x = PlainNet(1, (8, 8), 3).eval(), torch.randn(4, 1, 8, 8)
    assert net.features(x).shape == (4, 64)
    assert net.features(x).min() >= 0
    torch.testing.assert_close(net.head(net.features(x)), net(x))


def test_the_two_share_no_tensor_shapes_beyond_the_trivial() -> None:
    plain, grid = PlainNet(1, (8, 8), 10), GridNet(1, (8, 8), 10)
    shapes = [
        {tuple(p.shape) for p in net.parameters() if p.ndim > 1} for net in (plain, grid)
    ]
    assert len(shapes[0] & shapes[1]) <= 1
