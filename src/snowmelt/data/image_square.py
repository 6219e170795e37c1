"""How an image of any shape becomes a square."""

from __future__ import annotations

from typing import Literal

from PIL import Image

Fit = Literal["crop", "pad", "stretch"]
FITS: tuple[Fit, ...] = ("crop", "pad", "stretch")


def used(image: Image.Image, fit: Fit) -> Image.Image:
    """The part of an image that is used: of "crop" the middle square, else all of it."""
    if fit != "crop" or image.width == image.height:
        return image
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def is_enlarged(image: Image.Image, size: int, fit: Fit) -> bool:
    """Whether what is used has fewer pixels along a side than it gets."""
    return (max(image.size) if fit == "pad" else min(image.size)) < size


def resized(image: Image.Image, size: int, fit: Fit, white: int) -> Image.Image:
    """A square of `size` by `size` pixels of what is used.

    Args:
        image: of the mode L or RGB.
        fit: "pad" makes the longer side `size`, and fills the rest of the square evenly on
            both sides; "stretch" makes both sides `size`, whatever their ratio was.
        white: the level of what "pad" fills in.
    """
    if fit != "pad" or image.width == image.height:
        return image.resize((size, size), Image.Resampling.BICUBIC)
    longer = max(image.size)
    width, height = (max(1, round(side * size / longer)) for side in image.size)
    paper = Image.new(image.mode, (size, size), (white,) * len(image.getbands()))
    small = image.resize((width, height), Image.Resampling.BICUBIC)
    paper.paste(small, ((size - width) // 2, (size - height) // 2))
    return paper
