"""A U-Net over images: down through the resolutions, up again, with skips across."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from snowmelt.common.bounds import BelowOne, Blocks, Patch, Width
from snowmelt.nets.embeddings import LevelEmbedding
from snowmelt.nets.net import Net
from snowmelt.nets.patches import (
    IndivisibleImageError,
    check_patch,
    from_patches,
    to_patches,
)
from snowmelt.nets.residual_blocks import (
    Downsample,
    ResidualBlock,
    Upsample,
    group_norm,
)


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
        inputs: arrays of the shape that it sees, one after the other.
        outputs: answers of the input's shape, one after the other.
        classes: the number of classes that it is conditioned on.
        patch: pixels along the side of a square that is one place of the finest
            resolution; 1: a place is a pixel.
        head_width: features of a head of attention, or the next number that divides the
            channels into whole heads.
        middle_attention: whether there is attention between the way down and the way up;
            None: where the coarsest resolution has it.

    Shapes:
        x: (B, inputs * C, H, W), log_snr: (B,), labels: (B,) -> (B, outputs * C, H, W)

    Raises:
        ValueError: the data is not images, its height or width cannot be divided as often
            as `patch` and `widths` ask, or the lists do not fit together.

    References:
        Ho, Jain & Abbeel (2020), arXiv:2006.11239, appendix B; scale and shift by the noise
        level, and heads of a fixed width, as in Dhariwal & Nichol (2021), arXiv:2105.05233,
        section 3.
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
        patch: Patch = 1,
        head_width: Width = 32,
        middle_attention: bool | None = None,
        inputs: int = 1,
    ) -> None:
        super().__init__()
        _check(shape, widths, blocks, attention, patch)
        channels, self.patch = shape[0] * patch**2, patch
        heads = [head_width if attended else None for attended in attention]
        self.embedding = LevelEmbedding(embedding, classes)
        self.first = nn.Conv2d(inputs * channels, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, width = [widths[0]], widths[0]
        for level, new in enumerate(widths):
            for _ in range(blocks):
                self.down.append(
                    ResidualBlock(width, new, embedding, dropout, heads[level])
                )
                width = new
                skips.append(width)
            if level < len(widths) - 1:
                self.down.append(Downsample(width))
                skips.append(width)
        is_attended = attention[-1] if middle_attention is None else middle_attention
        self.middle = nn.ModuleList(
            ResidualBlock(width, width, embedding, dropout, at)
            for at in (head_width if is_attended else None, None)
        )
        for level, new in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                given = width + skips.pop()
                self.up.append(ResidualBlock(given, new, embedding, dropout, heads[level]))
                width = new
            if level:
                self.up.append(Upsample(width))
        self.norm = group_norm(width)
        self.last = nn.Conv2d(width, outputs * channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        # Channels beside each other in memory: convolutions are faster so, on GPUs too.
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        level = self.embedding(log_snr, labels)
        x = to_patches(x, self.patch)
        hidden = self.first(x.contiguous(memory_format=torch.channels_last))
        skips = [hidden]
        for layer in self.down:
            hidden = layer(hidden, level)
            skips.append(hidden)
        for layer in self.middle:
            hidden = layer(hidden, level)
        for layer in self.up:
            if isinstance(layer, ResidualBlock):
                hidden = torch.cat((hidden, skips.pop()), dim=1)
            hidden = layer(hidden, level)
        return from_patches(self.last(functional.silu(self.norm(hidden))), self.patch)


def _check(
    shape: Sequence[int],
    widths: Sequence[int],
    blocks: int,
    attention: Sequence[bool],
    patch: int,
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
    check_patch(shape, patch)
    height, width = (side // patch for side in shape[1:])
    fitting = [n for n in range(1, len(widths)) if not (height | width) % 2 ** (n - 1)]
    factor = 2 ** (len(widths) - 1)
    if height % factor or width % factor:
        places = "an image" if patch == 1 else f"an image in patches of {patch}x{patch}"
        raise IndivisibleImageError(
            f"{len(widths)} widths halve {places} {len(widths) - 1} times, but"
            f" {height}x{width} is not divisible by {factor}: use at most {fitting[-1]} of"
            " net.widths and net.attention",
            shape,
            factor * patch,
        )
