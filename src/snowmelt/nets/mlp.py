r"""A residual multilayer perceptron, for points.

A perceptron learns smooth functions long before sharp ones. Told the waves
$\sin(2^k \pi x / 2)$ and $\cos(2^k \pi x / 2)$ of a coordinate x beside x itself, it sees
small distances as well as large ones, and the edges of a shape become easy.

References:
    Tancik et al. (2020), arXiv:2006.10739.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from snowmelt.common.bounds import BelowOne, Blocks, Octaves, Width
from snowmelt.nets.embeddings import LevelEmbedding
from snowmelt.nets.net import Net


class MLP(Net):
    """Residual layers over the coordinates, conditioned on the noise level in each.

    Args:
        shape: the event shape, (D,).
        width: features of the hidden layers.
        blocks: number of residual layers.
        embedding: length of the noise level's embedding.
        dropout: share of hidden features dropped in training.
        frequencies: how many Fourier features of each coordinate it sees; 0 for none.
        inputs: arrays of the shape that it sees, one after the other.
        outputs: answers of the input's shape, one after the other.
        classes: the number of classes that it is conditioned on.

    Shapes:
        x: (B, inputs * D), log_snr: (B,), labels: (B,) -> (B, outputs * D)

    Raises:
        ValueError: the data is not points, a size is not positive, or `frequencies` is
            negative.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        width: Width,
        blocks: Blocks,
        embedding: Width,
        dropout: BelowOne = 0.0,
        outputs: int = 1,
        classes: int = 0,
        frequencies: Octaves = 0,
        inputs: int = 1,
    ) -> None:
        super().__init__()
        if len(shape) != 1:
            raise ValueError(
                f"net=mlp is for points, the data has the shape {tuple(shape)}:"
                " use net=unet"
            )
        if width < 1 or blocks < 1:
            raise ValueError(f"width and blocks must be positive, got {width}, {blocks}")
        if frequencies < 0:
            raise ValueError(f"frequencies must be 0 or more, got {frequencies}")
        self.frequencies = frequencies
        self.embedding = LevelEmbedding(embedding, classes)
        self.first = nn.Linear(inputs * shape[0] * (1 + 2 * frequencies), width)
        self.blocks = nn.ModuleList(
            _Block(width, embedding, dropout) for _ in range(blocks)
        )
        self.last = nn.Linear(width, outputs * shape[0])
        # The first answer is zero: no direction is favoured before anything was learned.
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        level = self.embedding(log_snr, labels)
        hidden = self.first(self._waves(x))
        for block in self.blocks:
            hidden = block(hidden, level)
        return self.last(hidden)

    def _waves(self, x: Tensor) -> Tensor:
        """The coordinates and their waves. Shapes: (B, D) -> (B, D (1 + 2 frequencies))"""
        if not self.frequencies:
            return x
        octaves = torch.arange(self.frequencies, dtype=x.dtype, device=x.device)
        angles = (x[:, :, None] * (0.5 * math.pi * 2**octaves)).flatten(1)
        return torch.cat((x, angles.sin(), angles.cos()), dim=1)


class _Block(nn.Module):
    """Normalise, scale and shift by the noise level, two layers, add."""

    def __init__(self, width: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(embedding, 2 * width)
        self.layers = nn.Sequential(
            nn.Linear(width, width), nn.SiLU(), nn.Dropout(dropout), nn.Linear(width, width)
        )

    def forward(self, hidden: Tensor, level: Tensor) -> Tensor:
        scale, shift = self.modulation(level).chunk(2, dim=1)
        return hidden + self.layers(torch.addcmul(shift, self.norm(hidden), 1 + scale))
