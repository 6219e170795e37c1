"""The diffusion transformer."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from snowmelt.nets.dit import DiT, waves

SHAPE = (3, 8, 4)


def untrained(shape: tuple[int, ...] = SHAPE, **changes: Any) -> DiT:
    settings = {"patch": 2, "width": 16, "blocks": 2, "head_width": 8}
    torch.manual_seed(0)
    return DiT(shape, **(settings | changes)).eval()


def dit(shape: tuple[int, ...] = SHAPE, **changes: Any) -> DiT:
    net = untrained(shape, **changes)
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.3)
    return net


def test_every_block_is_the_identity_at_the_start() -> None:
    net = untrained()
    hidden, level = torch.randn(2, 8, 16), torch.randn(2, 16)
    for block in net.blocks:
        assert torch.equal(block(hidden, level), hidden)
    spoken = dit()
    assert not torch.allclose(spoken.blocks[0](hidden, level), hidden)


def test_only_the_last_layer_and_the_gates_start_at_zero() -> None:
    zero = {
        name.rpartition(".")[0]
        for name, weight in untrained().named_parameters()
        if name.endswith("weight") and not weight.any()
    }
    assert zero == {"blocks.0.modulation", "blocks.1.modulation", "modulation", "last"}


def norm(x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()


def by_hand(net: DiT, x: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
    """The answer for one image of patches of two, place after place, by the formulas."""
    state = {name: value.double() for name, value in net.state_dict().items()}

    def linear(name: str, given: Tensor) -> Tensor:
        return given @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    width, heads = 16, 2
    level = net.double().embedding(log_snr, labels)[0]
    places, rows = [], []
    for i in range(x.shape[1] // 2):
        for j in range(x.shape[2] // 2):
            patch = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].flatten()
            angles = [[n * 1e4 ** (-k / 4) for k in range(4)] for n in (i, j)]
            position = [f(a) for row in angles for f in (math.sin, math.cos) for a in row]
            places.append(linear("first", patch) + torch.tensor(position).double())
            rows.append((i, j))
    hidden = torch.stack(places)
    for number in range(2):
        block = f"blocks.{number}"
        b_1, s_1, g_1, b_2, s_2, g_2 = linear(f"{block}.modulation", level).split(width)
        given = linear(f"{block}.attention.query_key_value", norm(hidden) * (1 + s_1) + b_1)
        query, key, value = given.split(width, dim=1)
        mixed = []
        for head in range(heads):
            own = slice(8 * head, 8 * head + 8)
            scores = query[:, own] @ key[:, own].T / math.sqrt(8)
            mixed.append(scores.softmax(1) @ value[:, own])
        hidden = hidden + g_1 * linear(f"{block}.attention.out", torch.cat(mixed, 1))
        inner = linear(f"{block}.layers.0", norm(hidden) * (1 + s_2) + b_2)
        inner = functional.gelu(inner, approximate="tanh")
        hidden = hidden + g_2 * linear(f"{block}.layers.2", inner)
    shift, scale = linear("modulation", level).split(width)
    found = linear("last", norm(hidden) * (1 + scale) + shift)
    answer = torch.zeros(found.shape[1] // 4, *x.shape[1:], dtype=torch.float64)
    for (i, j), values in zip(rows, found, strict=True):
        answer[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = values.reshape(-1, 2, 2)
    return answer


@pytest.mark.parametrize("outputs", [1, 2])
def test_parity_with_the_formulas_one_place_after_the_other(outputs: int) -> None:
    net = dit(outputs=outputs, classes=3)
    x = torch.randn(1, *SHAPE).double()
    log_snr, labels = torch.tensor([-1.5]).double(), torch.tensor([1])
    expected = by_hand(net, x[0], log_snr, labels)
    torch.testing.assert_close(net.double()(x, log_snr, labels)[0], expected)


def test_without_positions_patches_may_change_places() -> None:
    net, x = dit(), torch.randn(1, 3, 8, 4)
    moved = x.roll(4, dims=2)
    level = torch.zeros(1)
    assert not torch.allclose(net(moved, level), net(x, level).roll(4, dims=2))
    for name in ("rows", "columns"):
        net.get_buffer(name).zero_()
    torch.testing.assert_close(net(moved, level), net(x, level).roll(4, dims=2))


def test_positions_are_told_apart() -> None:
    net = untrained((1, 32, 32))
    found = net._positions()
    assert found.shape == (256, 16)
    distance = torch.cdist(found, found) + 1e9 * torch.eye(256)
    assert float(distance.min()) > 0.1
    # Row by row: a place has the waves of its row, then those of its column.
    torch.testing.assert_close(
        found[16 * 3 + 5], torch.cat((waves(16, 16)[3], waves(16, 16)[5]))
    )


def test_what_follows_from_the_shape_is_not_saved() -> None:
    assert not {"rows", "columns"} & set(untrained().state_dict())


@pytest.mark.parametrize(("head_width", "heads"), [(4, 4), (8, 2), (64, 1)])
def test_heads_of_a_width(head_width: int, heads: int) -> None:
    assert untrained(head_width=head_width).blocks[0].attention.heads == heads


@pytest.mark.parametrize(
    ("shape", "changes", "named"),
    [
        ((2,), {}, r"net=dit is for images.*\(2,\): use net=mlp"),
        ((1, 8, 8), {"width": 6}, "multiple of four .* got 6, 2"),
        ((1, 8, 8), {"width": 0}, "multiple of four .* got 0, 2"),
        ((1, 8, 8), {"blocks": 0}, "blocks positive, got 16, 0"),
        ((1, 7, 8), {}, "patches of 2x2 pixels do not divide 7x8: use net.patch=1, or add"),
    ],
)
def test_refused_arguments(
    shape: tuple[int, ...], changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        dit(shape, **changes)
