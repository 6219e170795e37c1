"""A U-Net over images: down through the resolutions, up again, with skips across."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from snowmelt.common.bounds import BelowOne, Blocks, Width
from snowmelt.nets.embeddings import LevelEmbedding
from snowmelt.nets.net import Net


class UNet(Net):
    """Residual blocks at each resolution, conditioned on the noise level.

    Args:
        shape: the event shape, (C, H, W).
        widths: channels at each resolution, the finest first; each next one has half the
            height and width.
        blocks: residual blocks at each resolution, on the way down and on the way up.
        attention: whether each resolution has self-attention after its blocks.
        embedding: length of the noise level's embedding.
        dropout: share of features dropped in training.
        outputs: answers of the input's shape, one after the other.
        classes: the number of classes that it is conditioned on.

    Shapes:
        x: (B, C, H, W), log_snr: (B,), labels: (B,) -> (B, outputs * C, H, W)

    Raises:
        ValueError: the data is not images, its height or width cannot be halved as often as
            `widths` asks, or the lists do not fit together.

    References:
        Ho, Jain & Abbeel (2020), arXiv:2006.11239, appendix B; scale and shift by the noise
        level as in Dhariwal & Nichol (2021), arXiv:2105.05233, section 3.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        widths: Sequence[Width],
        blocks: Blocks,
        attention: Sequence[bool],
        embedding: Width,
        dropout: BelowOne = 0.0,
        outputs: int = 1,
        classes: int = 0,
    ) -> None:
        super().__init__()
        _check(shape, widths, blocks, attention)
        channels = shape[0]
        self.embedding = LevelEmbedding(embedding, classes)
        self.first = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, width = [widths[0]], widths[0]
        for level, new in enumerate(widths):
            for _ in range(blocks):
                self.down.append(_Block(width, new, embedding, dropout, attention[level]))
                width = new
                skips.append(width)
            if level < len(widths) - 1:
                self.down.append(_Downsample(width))
                skips.append(width)
        self.middle = nn.ModuleList(
            _Block(width, width, embedding, dropout, last)
            for last in (attention[-1], False)
        )
        for level, new in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                given = width + skips.pop()
                self.up.append(_Block(given, new, embedding, dropout, attention[level]))
                width = new
            if level:
                self.up.append(_Upsample(width))
        self.norm = _group_norm(width)
        self.last = nn.Conv2d(width, outputs * channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        # Channels beside each other in memory: convolutions are faster so, on GPUs too.
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        level = self.embedding(log_snr, labels)
        hidden = self.first(x.contiguous(memory_format=torch.channels_last))
        skips = [hidden]
        for layer in self.down:
            hidden = layer(hidden, level)
            skips.append(hidden)
        for layer in self.middle:
            hidden = layer(hidden, level)
        for layer in self.up:
            if isinstance(layer, _Block):
                hidden = torch.cat((hidden, skips.pop()), dim=1)
            hidden = layer(hidden, level)
        return self.last(functional.silu(self.norm(hidden)))


def _check(
    shape: Sequence[int], widths: Sequence[int], blocks: int, attention: Sequence[bool]
) -> None:
    if len(shape) != 3:
        raise ValueError(
            f"net=unet is for images, the data has the shape {tuple(shape)}: use net=mlp"
        )
    if not widths or min(widths) < 1 or blocks < 1:
        raise ValueError(
            f"widths and blocks must be positive, got {list(widths)}, {blocks}"
        )
    if len(attention) != len(widths):
        raise ValueError(
            f"attention needs one entry a width, got {list(attention)} for {list(widths)}"
        )
    factor = 2 ** (len(widths) - 1)
    if shape[1] % factor or shape[2] % factor:
        raise ValueError(
            f"{len(widths)} widths halve an image {len(widths) - 1} times, but"
            f" {shape[1]}x{shape[2]} is not divisible by {factor}: use fewer widths or"
            " another data.size"
        )


def _group_norm(width: int) -> nn.GroupNorm:
    """Groups of about eight channels, whatever the width."""
    groups = max(width // 8, 1)
    while width % groups:
        groups -= 1
    return nn.GroupNorm(groups, width)


class _Block(nn.Module):
    """Two convolutions around a scale and shift by the noise level, added to the input."""

    def __init__(
        self, given: int, width: int, embedding: int, dropout: float, attend: bool
    ) -> None:
        super().__init__()
        self.norm_1 = _group_norm(given)
        self.conv_1 = nn.Conv2d(given, width, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * width)
        self.norm_2 = _group_norm(width)
        self.dropout = nn.Dropout(dropout)
        self.conv_2 = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.conv_2.weight)
        nn.init.zeros_(self.conv_2.bias)  # type: ignore[arg-type]
        self.shortcut = nn.Conv2d(given, width, 1) if given != width else nn.Identity()
        self.attention = _Attention(width) if attend else nn.Identity()

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        hidden = self.conv_1(functional.silu(self.norm_1(x)))
        scale, shift = self.modulation(level)[:, :, None, None].chunk(2, dim=1)
        hidden = functional.silu(torch.addcmul(shift, self.norm_2(hidden), 1 + scale))
        hidden = self.conv_2(self.dropout(hidden))
        return self.attention(self.shortcut(x) + hidden)


class _Attention(nn.Module):
    """Self-attention over the places of an image, added to the input."""

    def __init__(self, width: int, head_width: int = 32) -> None:
        super().__init__()
        self.heads = max(width // head_width, 1)
        while width % self.heads:
            self.heads -= 1
        self.norm = _group_norm(width)
        self.query_key_value = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        batch, width, height, breadth = x.shape
        parts = self.query_key_value(self.norm(x)).flatten(2)
        query, key, value = (
            parts.reshape(batch, 3, self.heads, width // self.heads, -1)
            .transpose(-1, -2)
            .unbind(1)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        mixed = mixed.transpose(-1, -2).reshape(batch, width, height, breadth)
        return x + self.out(mixed)


class _Downsample(nn.Module):
    """Half the height and width, by a convolution of stride two."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        return self.conv(x)


class _Upsample(nn.Module):
    """Twice the height and width, by repeating pixels and a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
