"""The U-Net for images."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml
from tests.project import ROOT
from torch import nn

from snowmelt.common.instantiate import build
from snowmelt.nets.residual_blocks import Attention
from snowmelt.nets.unet import UNet


def unet(shape: tuple[int, ...] = (1, 8, 8), **changes: Any) -> UNet:
    settings = {"widths": [8, 16], "blocks": 1, "attention": [False, True], "embedding": 8}
    torch.manual_seed(0)
    net = UNet(shape, **(settings | changes))
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.1)
    return net.eval()


@pytest.mark.parametrize("blocks", [1, 2, 3])
@pytest.mark.parametrize("widths", [[8], [8, 16], [8, 12, 20]])
def test_any_depth(blocks: int, widths: list[int]) -> None:
    net = unet((3, 8, 16), widths=widths, blocks=blocks, attention=[True] * len(widths))
    assert net(torch.randn(2, 3, 8, 16), torch.zeros(2)).shape == (2, 3, 8, 16)


@pytest.mark.parametrize("width", [1, 5, 7, 33, 96])
def test_any_width(width: int) -> None:
    net = unet(widths=[width], attention=[True])
    assert net(torch.randn(1, 1, 8, 8), torch.zeros(1)).isfinite().all()


@pytest.mark.parametrize("patch", [2, 4])
def test_patches_of_pixels(patch: int) -> None:
    net = unet((3, 16, 8), widths=[8, 12], patch=patch, outputs=2)
    seen: list[torch.Tensor] = []
    net.down[0].register_forward_hook(lambda layer, given, found: seen.append(found))
    assert net(torch.randn(2, 3, 16, 8), torch.zeros(2)).shape == (2, 6, 16, 8)
    assert seen[0].shape == (2, 8, 16 // patch, 8 // patch)


def heads(net: UNet) -> list[int]:
    """How many heads each attention of a network has, down, up, and in the middle."""
    return [layer.heads for layer in net.modules() if isinstance(layer, Attention)]


def test_heads_of_a_width_at_chosen_resolutions() -> None:
    changes = {"widths": [16, 32], "attention": [True, False], "head_width": 8}
    assert heads(unet(**changes)) == [2, 2, 2]
    assert heads(unet(**changes, middle_attention=True)) == [2, 2, 2, 4]
    assert heads(unet(**changes | {"attention": [False, True]})) == [4, 4, 4, 4]
    both = {"attention": [False, True], "middle_attention": False}
    assert heads(unet(**changes | both)) == [4, 4, 4]


def residual(given: int, width: int) -> int:
    """The parameters of a residual block of Ho et al., with 512 features of the time."""
    shortcut = (given + 1) * width if given != width else 0
    convolutions = (9 * given + 1) * width + (9 * width + 1) * width
    return 2 * given + convolutions + 513 * width + 2 * width + shortcut


def test_the_largest_has_as_many_parameters_as_that_of_ho_et_al() -> None:
    attention = 2 * 256 + 4 * (256 + 1) * 256
    ends = (27 + 1) * 128 + 2 * 128 + (9 * 128 + 1) * 3
    times = (128 + 1) * 512 + (512 + 1) * 512
    down = [(128, 128)] * 2 + [(128, 256)] + [(256, 256)] * 5
    up = [(512, 256)] * 8 + [(384, 256)] + [(384, 128)] + [(256, 128)] * 2
    blocks = sum(residual(*pair) for pair in [*down, (256, 256), (256, 256), *up])
    between = (9 * 128 + 1) * 128 + 5 * (9 * 256 + 1) * 256
    theirs = ends + times + blocks + between + 6 * attention
    text = (ROOT / "conf" / "net" / "unet_ho.yaml").read_text(encoding="utf-8")
    with torch.device("meta"):
        net = build(yaml.safe_load(text), UNet, shape=(3, 32, 32))
    ours = sum(weight.numel() for weight in net.parameters())
    assert f"Theirs has {theirs:,} parameters, this one {ours:,}." in text
    assert abs(ours / theirs - 1) < 2e-4


def reach(attend: bool) -> torch.Tensor:
    """Which pixels the answer's first pixel depends on."""
    net = unet((1, 32, 32), widths=[8], attention=[attend])
    # Group norm sees the whole image too; it is taken out to see attention alone.
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.GroupNorm):
                setattr(module, name, nn.Identity())
    x = torch.randn(1, 1, 32, 32, requires_grad=True)
    net(x, torch.zeros(1))[0, 0, 0, 0].backward()
    assert x.grad is not None
    return x.grad[0, 0] != 0


def test_attention_lets_every_pixel_see_every_other() -> None:
    assert reach(attend=True).all()
    near = reach(attend=False)
    assert near[0, 0]
    assert not near[16:].any()


def test_attention_is_softmax_of_the_scaled_products() -> None:
    net = unet(widths=[64], attention=[True])
    attention = net.up[0].attention
    x = torch.randn(2, 64, 3, 2)
    parts = attention.query_key_value(attention.norm(x)).flatten(2)
    query, key, value = parts.reshape(2, 3, 2, 32, 6).unbind(1)
    weight = (torch.einsum("bhdi,bhdj->bhij", query, key) / 32**0.5).softmax(-1)
    mixed = torch.einsum("bhij,bhdj->bhdi", weight, value).reshape(2, 64, 3, 2)
    torch.testing.assert_close(attention(x), x + attention.out(mixed), rtol=1e-4, atol=1e-5)


def test_the_finest_features_reach_the_answer_by_a_skip() -> None:
    # With the lower half silenced, the input still comes through.
    net = unet()
    for layer in net.middle:
        for weight in layer.parameters():
            nn.init.zeros_(weight)
    first, second = torch.randn(2, 1, 1, 8, 8)
    assert not torch.allclose(net(first, torch.zeros(1)), net(second, torch.zeros(1)))


def test_the_first_features_come_last() -> None:
    net, seen = unet(), {}
    net.first.register_forward_hook(lambda layer, given, found: seen.update(first=found))
    net.up[-1].register_forward_pre_hook(lambda layer, given: seen.update(last=given[0]))
    net(torch.randn(2, 1, 8, 8), torch.zeros(2))
    assert torch.equal(seen["last"][:, -8:], seen["first"])


@pytest.mark.parametrize(
    ("shape", "changes", "named"),
    [
        ((2,), {}, r"net=unet is for images.*\(2,\): use net=mlp"),
        ((1, 8, 8), {"widths": []}, "widths and blocks must be positive"),
        (
            (1, 8, 8),
            {"widths": [8, 0]},
            r"widths and blocks must be positive, got \[8, 0\]",
        ),
        ((1, 8, 8), {"blocks": 0}, "widths and blocks must be positive"),
        (
            (1, 8, 8),
            {"attention": [True]},
            r"attention needs one entry a width, got \[True\]",
        ),
        ((1, 7, 8), {}, "7x8 is not divisible by 2: use at most 1 of net.widths"),
        (
            (1, 28, 28),
            {"widths": [8] * 4, "attention": [False] * 4},
            r"halve an image 3 times, but 28x28 .* by 8: use at most 3 of net.widths and"
            r" net.attention, or add a margin \(data.pad_to=32\)$",
        ),
        (
            (1, 28, 28),
            {"widths": [8] * 3, "attention": [False] * 3, "patch": 4},
            r"in patches of 4x4 2 times, but 7x7 .* by 4: use at most 1 of .*pad_to=32\)$",
        ),
        ((1, 28, 28), {"patch": 3}, "patches of 3x3 pixels do not divide 28x28"),
        (
            (1, 8, 6),
            {"widths": [8] * 3, "attention": [False] * 3},
            "8x6 is not divisible by 4",
        ),
        ((1, 8, 8), {"embedding": 0}, "embedding must be a positive even number, got 0"),
    ],
)
def test_refused_arguments(
    shape: tuple[int, ...], changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        unet(shape, **changes)
