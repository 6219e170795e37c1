"""The vision transformer of DINOv2, under the names of the published weights.

Squares of pixels are embedded, a class token stands before them, and every block adds, each
scaled by learned factors, what attention and a small network make of its normalised input.
The weights name no size: width, depth and the squares' side are read off their shapes.

References:
    Dosovitskiy et al. (2021), arXiv:2010.11929; Touvron et al. (2021), arXiv:2103.17239
    (the learned factors); Oquab et al. (2023), arXiv:2304.07193.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEAD = 64  # features of a head of attention, in every published size
_EPSILON = 1e-6
_MARGIN = 0.1  # added to the number of places, as in the original


class VisionTransformer(nn.Module):
    """The network up to the class token behind the last norm.

    Args:
        width: features of a token, a multiple of 64.
        depth: blocks.
        patch: pixels along the side of a square.
        side: squares along the side of the pictures of the training, for which there are
            embeddings of the places.

    Shapes:
        x: (B, 3, H, W), both multiples of `patch` -> (B, width)
    """

    def __init__(self, width: int, depth: int, patch: int, side: int) -> None:
        super().__init__()
        self.width, self.patch, self.side = width, patch, side
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + side**2, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # for the training alone
        self.patch_embed = _named(proj=nn.Conv2d(3, width, patch, patch))
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=_EPSILON)

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> VisionTransformer:
        """The network that these weights belong to, with the weights.

        Raises:
            ValueError: they are of another network; in words that say why.
        """
        if "register_tokens" in state:
            raise ValueError("it is the form with registers, take the one without")
        try:
            width, places = state["cls_token"].shape[-1], state["pos_embed"].shape[1] - 1
            patch = state["patch_embed.proj.weight"].shape[-1]
        except (KeyError, IndexError) as error:
            raise ValueError(f"it has no fitting {error}") from error
        depth = len([key for key in state if re.fullmatch(r"blocks\.\d+\.ls1\.gamma", key)])
        side = math.isqrt(max(places, 0))
        if width % HEAD or not depth or side**2 != places or not side:
            raise ValueError(f"{depth} blocks of {width} features at {places} places")
        net = cls(width, depth, patch, side)
        try:
            net.load_state_dict(dict(state))
        except RuntimeError as error:
            raise ValueError(" ".join(str(error).split())[:160]) from error
        return net

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (size // self.patch for size in x.shape[2:])
        squares = self.patch_embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.cls_token.expand(len(x), -1, -1), squares), dim=1)
        tokens = tokens + self._places(rows, columns)
        for block in self.blocks:
            tokens = block(tokens)
        found: Tensor = self.norm(tokens[:, 0])
        return found

    def _places(self, rows: int, columns: int) -> Tensor:
        """The embeddings of the places, stretched to a picture of another size."""
        if (rows, columns) == (self.side, self.side):
            return self.pos_embed
        first, rest = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        grid = rest.reshape(1, self.side, self.side, -1).permute(0, 3, 1, 2)
        # The margin moves the points at which the grid is read, so it belongs to the
        # network as much as the weights do.
        scale = ((rows + _MARGIN) / self.side, (columns + _MARGIN) / self.side)
        grid = F.interpolate(grid, scale_factor=scale, mode="bicubic")
        return torch.cat((first, grid.flatten(2).transpose(1, 2)), dim=1)


class _Block(nn.Module):
    """Attention and a small network, each beside what it is given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = _Attention(width)
        self.ls1 = _Scale(width)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = _named(
            fc1=nn.Linear(width, 4 * width), act=nn.GELU(), fc2=nn.Linear(4 * width, width)
        )
        self.ls2 = _Scale(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        found: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return found


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        parts = self.qkv(x).reshape(batch, count, 3, width // HEAD, HEAD)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.proj(found.transpose(1, 2).reshape(batch, count, width))
        return mixed


class _Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


def _named(**layers: nn.Module) -> nn.Sequential:
    """Layers in turn, under the names that the weights have."""
    return nn.Sequential(OrderedDict(layers))
