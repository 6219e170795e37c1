r"""Levels of image files: which occur, and how they become those of prepared images.

A file says how many bits a channel has, not how many of them are used: a camera's 12 bits
lie in 16, a mask of two levels in 8. Where `data.value_range` says the range $[a, b]$ that
the levels $k$ can take, levels up to 255 are kept as they are, with that range, and deeper
ones become

$$\operatorname{round}\bigl(255\,(k - a) / (b - a)\bigr).$$

Without it the range is what the bits can say, and 16-bit grey becomes round(k / 257).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from snowmelt.common.errors import UserError

Range = tuple[int, int]


def checked_range(value_range: Any, most: int) -> Range:
    """The configured range as two numbers.

    Raises:
        UserError: it is none, or exceeds 0 to `most`.
    """
    is_pair = isinstance(value_range, Sequence) and len(value_range) == 2
    whole = is_pair and all(type(level) is int for level in value_range)
    if not whole or not 0 <= value_range[0] < value_range[1] <= most:
        raise UserError(
            "data.value_range must be two integers [low, high], 0 <= low < high <="
            f" {most}, got {value_range!r}"
        )
    return value_range[0], value_range[1]


def bits_of(image: Image.Image) -> int:
    """The bits of a channel: 16 for deep grey; all others are decoded to 8."""
    return 16 if image.mode[0] in "IF" else 8


def levels_in(image: Image.Image) -> Range:
    """The smallest and the largest level of all channels of a grey or colour image.

    Raises:
        ValueError: floating-point or 32-bit levels, whose range nothing tells.
    """
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers: save it with 8 or 16 bits")
    extrema = image.getextrema()
    bands = extrema if isinstance(extrema[0], tuple) else (extrema,)
    low, high = min(int(band[0]) for band in bands), max(int(band[1]) for band in bands)
    if low < 0 or high > 65535:
        raise ValueError(f"its levels are {low} to {high}: save it with 8 or 16 bits")
    return low, high


def check(bits: int, levels: Range, value_range: Range | None) -> None:
    """Refuse an image whose levels the range does not hold.

    Raises:
        ValueError: the message says which levels occur.
    """
    if value_range is None:
        return
    low, high = value_range
    if high > 255 and bits == 8:
        raise ValueError(
            f"it has 8 bits a channel, and data.value_range={low}..{high} is of 16"
        )
    if not low <= levels[0] <= levels[1] <= high:
        raise ValueError(
            f"its levels are {levels[0]} to {levels[1]}, outside of"
            f" data.value_range={low}..{high}"
        )


def prepared_range(value_range: Range | None) -> Range:
    """The range of the prepared levels: a configured one up to 255, else 0 to 255."""
    return value_range if value_range is not None and value_range[1] <= 255 else (0, 255)


def eight_bits(deep: np.ndarray, value_range: Range | None) -> np.ndarray:
    """Deep levels as prepared ones. Shapes: (*) of integers -> (*) uint8"""
    low, high = value_range or (0, 65535)
    if high <= 255:
        return deep.astype(np.uint8)
    # To the nearest, a half upwards, in whole numbers.
    span = high - low
    scaled = (510 * (deep.astype(np.int64) - low) + span) // (2 * span)
    return scaled.clip(0, 255).astype(np.uint8)


def sparse_note(levels: Range, declared: Range) -> str | None:
    """A sentence where the levels fill less than a quarter of their range; else None.

    A network then sees images that are nearly black all over, or nearly white.
    """
    low, high = levels
    first, last = declared
    if 4 * (high - low) >= last - first:
        return None
    if low == high:
        return f"all pixels of all images have one level, {low} of {first} to {last}"
    # A sensor counts to one less than a power of two; masks and indices to anything.
    top = high if high <= 255 else (1 << high.bit_length()) - 1
    start = first if 4 * (high - first) < last - first else low
    return (
        f"only the levels {low} to {high} of {first} to {last} occur: if no others can, say"
        f" data.value_range=[{start},{top}]"
    )
