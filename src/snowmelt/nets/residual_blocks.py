"""The blocks that a network of convolutions is made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from snowmelt.nets.attention import attend
from snowmelt.nets.equal_parts import equal_parts


def group_norm(width: int) -> nn.GroupNorm:
    """Groups of about eight channels, whatever the width."""
    return nn.GroupNorm(equal_parts(width, 8), width)


class ResidualBlock(nn.Module):
    """Two convolutions around a scale and shift by the noise level, added to the input.

    Args:
        given: channels of the input.
        width: channels of the answer.
        embedding: length of the noise level's embedding.
        dropout: share of features dropped in training.
        head_width: features of a head of self-attention at the end; None: no attention.
    """

    def __init__(
        self,
        given: int,
        width: int,
        embedding: int,
        dropout: float = 0.0,
        head_width: int | None = None,
    ) -> None:
        super().__init__()
        self.norm_1 = group_norm(given)
        self.conv_1 = nn.Conv2d(given, width, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * width)
        self.norm_2 = group_norm(width)
        self.dropout = nn.Dropout(dropout)
        self.conv_2 = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.conv_2.weight)
        nn.init.zeros_(self.conv_2.bias)  # type: ignore[arg-type]
        self.shortcut = nn.Conv2d(given, width, 1) if given != width else nn.Identity()
        self.attention = Attention(width, head_width) if head_width else nn.Identity()

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        hidden = self.conv_1(functional.silu(self.norm_1(x)))
        scale, shift = self.modulation(level)[:, :, None, None].chunk(2, dim=1)
        hidden = functional.silu(torch.addcmul(shift, self.norm_2(hidden), 1 + scale))
        hidden = self.conv_2(self.dropout(hidden))
        return self.attention(self.shortcut(x) + hidden)


class Attention(nn.Module):
    """Self-attention over the places of an image, added to the input."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.heads = equal_parts(width, head_width)
        self.norm = group_norm(width)
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
        mixed = (
            attend(query, key, value)
            .transpose(-1, -2)
            .reshape(batch, width, height, breadth)
        )
        return x + self.out(mixed)


class Downsample(nn.Module):
    """Half the height and width, by a convolution of stride two."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        return self.conv(x)


class Upsample(nn.Module):
    """Twice the height and width, by repeating pixels and a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
