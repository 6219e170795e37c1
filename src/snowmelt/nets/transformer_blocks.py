r"""The blocks that a transformer of images is made of, each modulated by the noise level.

adaLN-zero: scale, shift and a gate $g$ of each half of a block are linear in the embedding
of the noise level,

$$h \leftarrow h + g\,f\big((1 + s)\,\mathrm{norm}(h) + b\big),$$

and this layer starts at zero: every block is then the identity.

References:
    Peebles & Xie (2023), arXiv:2212.09748, section 3.2 (adaLN-Zero block).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snowmelt.nets.attention import attend
from snowmelt.nets.equal_parts import equal_parts

_MLP_RATIO = 4
_NORM_EPS = 1e-6


class TransformerBlock(nn.Module):
    """Self-attention over all places, then two layers in each place.

    Args:
        width: features of a place.
        head_width: features of a head of attention.
        dropout: share of features dropped in training, at the end of either half.

    Shapes:
        hidden: (B, N, width), level: (B, width) -> (B, N, width)
    """

    def __init__(self, width: int, head_width: int, dropout: float) -> None:
        super().__init__()
        self.norm = plain_norm(width)
        self.attention = _Attention(width, head_width)
        self.layers = nn.Sequential(
            linear(width, _MLP_RATIO * width),
            nn.GELU(approximate="tanh"),
            linear(_MLP_RATIO * width, width),
        )
        self.dropout = nn.Dropout(dropout)
        self.modulation = zero_linear(width, 6 * width)

    def forward(self, hidden: Tensor, level: Tensor) -> Tensor:
        parts = self.modulation(level)[:, None].chunk(6, dim=-1)
        shift, scale, gate = parts[:3]
        mixed = self.attention(modulated(self.norm(hidden), scale, shift))
        hidden = hidden + gate * self.dropout(mixed)
        shift, scale, gate = parts[3:]
        found = self.layers(modulated(self.norm(hidden), scale, shift))
        return hidden + gate * self.dropout(found)


class _Attention(nn.Module):
    """Self-attention over the places."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.heads = equal_parts(width, head_width)
        self.query_key_value = linear(width, 3 * width)
        self.out = linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, places, width = x.shape
        parts = self.query_key_value(x).reshape(batch, places, 3, self.heads, -1)
        query, key, value = parts.transpose(1, 3).unbind(2)
        mixed = attend(query, key, value)
        return self.out(mixed.transpose(1, 2).reshape(batch, places, width))


def plain_norm(width: int) -> nn.LayerNorm:
    """The norm of a place's features, whose scale and shift come from the noise level."""
    return nn.LayerNorm(width, elementwise_affine=False, eps=_NORM_EPS)


def modulated(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Scaled by 1 + scale, and shifted."""
    return torch.addcmul(shift, x, 1 + scale)


def linear(given: int, width: int) -> nn.Linear:
    """A layer that starts with Xavier's weights and no bias."""
    layer = nn.Linear(given, width)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def zero_linear(given: int, width: int) -> nn.Linear:
    """A layer whose first answer is zero."""
    layer = nn.Linear(given, width)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
