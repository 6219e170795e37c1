"""A residual multilayer perceptron, for points."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snowmelt.nets.embeddings import LevelEmbedding
from snowmelt.nets.net import Net


class MLP(Net):
    """Residual layers over the coordinates, told the noise level in each.

    Args:
        shape: the event shape, (D,).
        width: features of the hidden layers.
        blocks: number of residual layers.
        embedding: length of the noise level's embedding.
        dropout: share of hidden features dropped in training.
        outputs: answers of the input's shape, one after the other.
        classes: how many classes it can be told of.

    Shapes:
        x: (B, D), log_snr: (B,), labels: (B,) -> (B, outputs * D)

    Raises:
        ValueError: the data is not points, or a size is not positive.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int,
        blocks: int,
        embedding: int,
        dropout: float = 0.0,
        outputs: int = 1,
        classes: int = 0,
    ) -> None:
        super().__init__()
        if len(shape) != 1:
            raise ValueError(
                f"net=mlp is for points, the data has the shape {tuple(shape)}:"
                " use net=unet"
            )
        if width < 1 or blocks < 1:
            raise ValueError(f"width and blocks must be positive, got {width}, {blocks}")
        self.embedding = LevelEmbedding(embedding, classes)
        self.first = nn.Linear(shape[0], width)
        self.blocks = nn.ModuleList(
            _Block(width, embedding, dropout) for _ in range(blocks)
        )
        self.last = nn.Linear(width, outputs * shape[0])
        # The first answer is zero: no direction is favoured before anything was learned.
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        level = self.embedding(log_snr, labels)
        hidden = self.first(x)
        for block in self.blocks:
            hidden = block(hidden, level)
        return self.last(hidden)


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
