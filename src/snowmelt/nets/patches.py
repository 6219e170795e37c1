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
        raise ValueError(
            f"patches of {patch}x{patch} pixels do not divide {height}x{width}: use"
            f" {named}, {other_sizes(shape, patch)}"
        )


def other_sizes(shape: Sequence[int], factor: int) -> str:
    """The next sizes that are multiples of `factor`, as advice to a user."""
    side = max(shape[1:])
    less, more = side // factor * factor, -(-side // factor) * factor
    named = f"{less} or {more}" if 0 < less < more else str(more)
    return f"add a margin (data.pad_to={more}), or resize (data.size={named})"
