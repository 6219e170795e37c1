"""Squares of pixels that a network takes as one place, and sizes that fit into it.

A network that works on patches of p x p pixels sees an image of a p-th of the height and
width, with p^2 times the channels; nothing is lost, and all layers after the first cost a
p^2-th. The last layer answers a patch at once.

An image that a network cannot divide is refused and not padded by the network: whether a
margin is added, which is learned and costs time, is said with the data (`data.pad_to`).

References:
    Shi et al. (2016), arXiv:1609.05158 (from channels to pixels).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional


def to_patches(x: Tensor, patch: int) -> Tensor:
    """Pixels as channels. Shapes: (B, C, H, W) -> (B, C patch^2, H / patch, W / patch)"""
    return x if patch == 1 else functional.pixel_unshuffle(x, patch)


def from_patches(x: Tensor, patch: int) -> Tensor:
    """Channels as pixels. Shapes: (B, C patch^2, H, W) -> (B, C, H patch, W patch)"""
    return x if patch == 1 else functional.pixel_shuffle(x, patch)


class IndivisibleImageError(ValueError):
    """An image that a network cannot divide as often as it wants to.

    A margin is to be had of every source of images, another size only of some: whoever
    knows the source may add that to the message.

    Args:
        reason: what does not divide, and which network would.
        shape: of an image, (C, H, W).
        factor: that both sides have to be multiples of.

    Attributes:
        sizes: the next sides that are, the smaller first.
    """

    def __init__(self, reason: str, shape: Sequence[int], factor: int) -> None:
        more, less = padded(shape, factor), max(shape[1:]) // factor * factor
        super().__init__(f"{reason}, or add a margin (data.pad_to={more})")
        self.sizes = sorted({less, more} - {0})


def check_patch(shape: Sequence[int], patch: int) -> None:
    """Refuse an image that is no whole number of patches.

    Raises:
        ValueError: naming patches and sizes that do.
    """
    if patch < 1:
        raise ValueError(f"patch must be positive, got {patch}")
    height, width = shape[1:]
    if height % patch or width % patch:
        fitting = [p for p in range(1, patch) if not height % p and not width % p]
        named = " or ".join(f"net.patch={p}" for p in fitting)
        raise IndivisibleImageError(
            f"patches of {patch}x{patch} pixels do not divide {height}x{width}: use"
            f" {named}",
            shape,
            patch,
        )


def padded(shape: Sequence[int], factor: int) -> int:
    """The side of the least square around an image (C, H, W) that `factor` divides."""
    return -(-max(shape[1:]) // factor) * factor
