r"""A diffusion transformer over patches of an image.

Every patch of p x p pixels becomes one place of `width` features. A transformer does not
know where its places are, so their positions are added: half of the features are sines and
cosines of the row, half of the column,

$$\sin(\omega_k i),\ \cos(\omega_k i), \qquad \omega_k = 10^{-4k/n},\ k = 0 \dots n - 1,$$

with $n$ a quarter of the width.

References:
    Peebles & Xie (2023), arXiv:2212.09748.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snowmelt.common.bounds import BelowOne, Blocks, Patch, Width
from snowmelt.nets.embeddings import LevelEmbedding
from snowmelt.nets.net import Net
from snowmelt.nets.patches import check_patch, from_patches, to_patches
from snowmelt.nets.transformer_blocks import (
    TransformerBlock,
    linear,
    modulated,
    plain_norm,
    zero_linear,
)


class DiT(Net):
    """Transformer blocks over patches, modulated by the noise level.

    The noise level is embedded as for the other networks of this program: its last layer is
    followed by a SiLU, and the class is added after that, where the paper has one SiLU
    after the sum.

    Args:
        shape: the event shape, (C, H, W).
        patch: pixels along the side of a patch.
        width: features of a place, and length of the noise level's embedding.
        blocks: how many transformer blocks there are.
        head_width: features of a head of attention, or the next number that divides the
            width into whole heads.
        dropout: share of features dropped in training.
        inputs: arrays of the shape that it sees, one after the other.
        outputs: answers of the input's shape, one after the other.
        classes: the number of classes that it is conditioned on.

    Shapes:
        x: (B, inputs * C, H, W), log_snr: (B,), labels: (B,) -> (B, outputs * C, H, W)

    Raises:
        ValueError: the data is not images, the patches do not divide it, or the width is
            not divisible by four.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        patch: Patch,
        width: Width,
        blocks: Blocks,
        head_width: Width = 64,
        dropout: BelowOne = 0.0,
        outputs: int = 1,
        classes: int = 0,
        inputs: int = 1,
    ) -> None:
        super().__init__()
        _check(shape, patch, width, blocks)
        channels, self.patch = shape[0] * patch**2, patch
        self.embedding = LevelEmbedding(width, classes)
        self.first = linear(inputs * channels, width)
        self.register_buffer("rows", waves(shape[1] // patch, width), persistent=False)
        self.register_buffer("columns", waves(shape[2] // patch, width), persistent=False)
        self.blocks = nn.ModuleList(
            TransformerBlock(width, head_width, dropout) for _ in range(blocks)
        )
        self.norm = plain_norm(width)
        self.modulation = zero_linear(width, 2 * width)
        self.last = zero_linear(width, outputs * channels)

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        level = self.embedding(log_snr, labels)
        patches = to_patches(x, self.patch)
        height, breadth = patches.shape[2:]
        hidden = self.first(patches.flatten(2).transpose(1, 2)) + self._positions()
        for block in self.blocks:
            hidden = block(hidden, level)
        shift, scale = self.modulation(level)[:, None].chunk(2, dim=-1)
        found = self.last(modulated(self.norm(hidden), scale, shift))
        found = found.transpose(1, 2).unflatten(2, (height, breadth))
        return from_patches(found, self.patch)

    def _positions(self) -> Tensor:
        """Of all places, row by row. Shapes: -> (N, width)"""
        rows, columns = self.get_buffer("rows"), self.get_buffer("columns")
        grid = len(rows), len(columns), rows.shape[1]
        both = (rows[:, None].expand(grid), columns[None].expand(grid))
        return torch.cat(both, dim=2).flatten(0, 1)


def waves(count: int, width: int) -> Tensor:
    """Sines and cosines of 0 ... count - 1: half of a position. -> (count, width / 2)"""
    quarter = width // 4
    frequencies = 1e-4 ** (torch.arange(quarter) / quarter)
    angles = torch.arange(count)[:, None] * frequencies
    return torch.cat((angles.sin(), angles.cos()), dim=1).float()


def _check(shape: tuple[int, ...], patch: int, width: int, blocks: int) -> None:
    if len(shape) != 3:
        raise ValueError(
            f"net=dit is for images, the data has the shape {tuple(shape)}: use net=mlp"
        )
    if width < 1 or width % 4 or blocks < 1:
        raise ValueError(
            "width must be a positive multiple of four (sines and cosines of rows and"
            f" columns) and blocks positive, got {width}, {blocks}"
        )
    check_patch(shape, patch)
