"""DINOv2: the network of the published weights, which are made up here, and its errors."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from snowmelt.common.errors import UserError
from snowmelt.evaluation.features.dinov2 import FILE, MEAN, STD, URL, DINOv2
from snowmelt.evaluation.features.extractor import extract, find_files
from snowmelt.evaluation.features.inception_weights import DOWNLOADS
from snowmelt.evaluation.features.vision_transformer import VisionTransformer

WIDTH, DEPTH, PATCH, SIDE = 128, 2, 14, 5
State = dict[str, Tensor]


SETTINGS = {"_target_": "snowmelt.features.DINOv2", "weights": None}


def weights(side: int = SIDE) -> State:
    """Random weights in the form of the release: its names, its order of parts."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int, std: float = 0.05, mean: float = 0.0) -> Tensor:
        return mean + std * torch.randn(*shape, generator=generator)

    state = {
        "cls_token": drawn(1, 1, WIDTH, std=1.0),
        "pos_embed": drawn(1, 1 + side**2, WIDTH, std=1.0),
        "mask_token": drawn(1, WIDTH),
        "patch_embed.proj.weight": drawn(WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": drawn(WIDTH),
        "norm.weight": drawn(WIDTH, mean=1.0),
        "norm.bias": drawn(WIDTH),
    }
    shapes = {
        "attn.qkv": (3 * WIDTH, WIDTH),
        "attn.proj": (WIDTH, WIDTH),
        "mlp.fc1": (4 * WIDTH, WIDTH),
        "mlp.fc2": (WIDTH, 4 * WIDTH),
    }
    for block in range(DEPTH):
        start = f"blocks.{block}"
        for name, shape in shapes.items():
            state[f"{start}.{name}.weight"] = drawn(*shape)
            state[f"{start}.{name}.bias"] = drawn(shape[0])
        for name in ("norm1", "norm2"):
            state[f"{start}.{name}.weight"] = drawn(WIDTH, mean=1.0)
            state[f"{start}.{name}.bias"] = drawn(WIDTH)
        for name in ("ls1", "ls2"):
            state[f"{start}.{name}.gamma"] = drawn(WIDTH, mean=0.5)
    return state


def by_hand(state: State, x: Tensor) -> Tensor:
    """The class token of pictures for which no place has to be stretched."""

    def norm(x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        x = centred / (x.var(-1, correction=0, keepdim=True) + 1e-6).sqrt()
        return x * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    squares = F.unfold(x, PATCH, stride=PATCH).transpose(1, 2)
    kernel = state["patch_embed.proj.weight"].flatten(1)
    squares = squares @ kernel.T + state["patch_embed.proj.bias"]
    x = torch.cat((state["cls_token"].expand(len(x), -1, -1), squares), dim=1)
    x = x + state["pos_embed"]
    for block in (f"blocks.{number}" for number in range(DEPTH)):
        query, key, value = linear(norm(x, f"{block}.norm1"), f"{block}.attn.qkv").chunk(
            3, dim=2
        )
        heads = []
        for head in range(WIDTH // 64):
            own = slice(64 * head, 64 * (head + 1))
            scores = query[..., own] @ key[..., own].transpose(1, 2) / math.sqrt(64)
            heads.append(scores.softmax(-1) @ value[..., own])
        mixed = linear(torch.cat(heads, dim=2), f"{block}.attn.proj")
        x = x + state[f"{block}.ls1.gamma"] * mixed
        hidden = F.gelu(linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1"))
        x = x + state[f"{block}.ls2.gamma"] * linear(hidden, f"{block}.mlp.fc2")
    return norm(x, "norm")[:, 0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(weights(), tmp_path / "mine.pth")
    return tmp_path / "mine.pth"


def test_the_network_by_hand() -> None:
    net = VisionTransformer.of(weights())
    assert (net.width, net.patch, net.side, len(net.blocks)) == (WIDTH, PATCH, SIDE, DEPTH)
    x = torch.randn(3, 3, SIDE * PATCH, SIDE * PATCH)
    with torch.no_grad():
        torch.testing.assert_close(net(x), by_hand(weights(), x), rtol=1e-4, atol=1e-5)


def test_places_are_stretched_as_in_the_original() -> None:
    """Bicubic, read at the points that a tenth of a place more gives; the class stays."""
    state, rows, columns = weights(), 7, 3
    found = VisionTransformer.of(state)._places(rows, columns)
    assert found.shape == (1, 1 + rows * columns, WIDTH)
    assert torch.equal(found[:, 0], state["pos_embed"][:, 0])
    grid = state["pos_embed"][0, 1:].T.reshape(1, WIDTH, SIDE, SIDE)
    scale = ((rows + 0.1) / SIDE, (columns + 0.1) / SIDE)
    theirs = F.interpolate(grid, scale_factor=scale, mode="bicubic")
    torch.testing.assert_close(found[0, 1:].T, theirs.flatten(2)[0])
    plain = F.interpolate(grid, size=(rows, columns), mode="bicubic")
    assert (theirs - plain).abs().max() > 0.01


def test_pictures_are_shown_as_torch_fidelity_shows_them(
    make_images: Callable, file: Path, tmp_path: Path
) -> None:
    data = make_images(count=8)
    extractor = DINOv2(data.manifest, weights=str(file))
    assert extractor.fit(data, tmp_path) == {}
    seen: list[Tensor] = []
    extractor.net.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    found = extract(extractor, data.held_out, "test")
    assert found.shape == (len(data.held_out), WIDTH)
    assert extractor.dimension == WIDTH
    # The upper left pixel of the stretched picture is that of the picture, three times.
    levels = np.round(data.held_out[:, 0, 0, 0].astype(float) * 255 / 16)
    shown = seen[0][:, :, 0, 0] * torch.tensor(STD) + torch.tensor(MEAN)
    expected = torch.from_numpy(levels / 255).float()[:, None].expand(-1, 3)
    torch.testing.assert_close(shown, expected, rtol=1e-5, atol=1e-5)
    assert seen[0].shape == (len(data.held_out), 3, 224, 224)


def test_save_and_load(make_images: Callable, file: Path, tmp_path: Path) -> None:
    data = make_images(count=8)
    extractor = DINOv2(data.manifest, weights=str(file))
    extractor.fit(data, tmp_path)
    extractor.save(tmp_path / "extractor.pt")
    other = DINOv2(data.manifest, weights=None)
    other.load(tmp_path / "extractor.pt")
    assert other.digest == extractor.digest
    assert not other.is_standard_inception
    one, two = (extract(e, data.held_out, "test") for e in (extractor, other))
    assert np.array_equal(one, two)


def test_the_file_of_the_release_is_found(
    make_images: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_images(count=8)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    with pytest.raises(UserError) as caught:
        DINOv2(data.manifest, weights=None).fit(data, tmp_path)
    message = str(caught.value)
    parts = (FILE, URL, str(tmp_path / DOWNLOADS), "features.weights=PATH", "random_conv")
    assert all(part in message for part in parts)
    assert "\n" not in message
    for folder in (tmp_path / "hub/checkpoints", tmp_path / DOWNLOADS):
        folder.mkdir(parents=True)
        # As torch wrote files before 1.6.
        torch.save(weights(), folder / FILE, _use_new_zipfile_serialization=False)
        extractor = DINOv2(data.manifest, weights=None)
        extractor.fit(data, tmp_path)
        assert extractor.dimension == WIDTH
        assert find_files(SETTINGS, tmp_path) == [folder / FILE]
        (folder / FILE).unlink()
    with pytest.raises(UserError, match=FILE):
        find_files(SETTINGS, tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"register_tokens": torch.zeros(1, 4, WIDTH)}, "with registers"),
        ({"cls_token": None}, "no fitting 'cls_token'"),
        ({"norm.weight": None}, r'Missing key.*"norm\.weight"'),
        ({"pos_embed": torch.zeros(1, 8, WIDTH)}, "2 blocks of 128 features at 7 places"),
        ({"blocks.0.mlp.w12.weight": torch.zeros(2)}, r"Unexpected key.*w12"),
    ],
)
def test_the_weights_of_something_else(
    make_images: Callable, tmp_path: Path, change: dict[str, Tensor | None], said: str
) -> None:
    data = make_images(count=8)
    state = {k: v for k, v in (weights() | change).items() if v is not None}
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(
        UserError, match=rf"other\.pth does not hold the weights of DINOv2 \(.*{said}"
    ) as caught:
        DINOv2(data.manifest, weights="other.pth").fit(data, tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_of_weights(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=8)
    (tmp_path / "page.pth").write_bytes(b"<html>sign in</html>")
    (tmp_path / "dinov2-small").mkdir()
    for name, said in (
        ("gone.pth", r"features\.weights: .*gone\.pth does not exist"),
        ("dinov2-small", r"dinov2-small is a folder; give a file such as dinov2_vits14"),
        ("page.pth", r"page\.pth is no readable file of weights"),
    ):
        with pytest.raises(UserError, match=said):
            DINOv2(data.manifest, weights=name).fit(data, tmp_path)
    with pytest.raises(UserError, match=r"nowhere\.pt is no readable file of weights"):
        DINOv2(data.manifest, weights=None).load(tmp_path / "nowhere.pt")


def test_two_channels(make_images: Callable) -> None:
    manifest = replace(make_images().manifest, shape=(2, 8, 8))
    with pytest.raises(UserError, match=r"1 or 3 channels.*has 2.*features=random_conv"):
        DINOv2(manifest, weights=None)


def test_the_published_size() -> None:
    """ViT-S/14: the parameters that the authors count, and six heads."""
    net = VisionTransformer(384, 12, 14, 37)
    buffer = io.BytesIO()
    torch.save(net.state_dict(), buffer)
    count = sum(weight.numel() for weight in net.parameters())
    assert round(count / 1e6, 1) == 22.1  # "21 M" and the places of 518 pixels
    assert VisionTransformer.of(net.state_dict()).side == 37
