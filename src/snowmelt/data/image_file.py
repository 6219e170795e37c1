"""One image file of any kind to one uint8 array of a given size.

The order of the steps matters: orientation, colours, crop, resize. Resizing palette
indices or hidden pixels would mix what must not be mixed.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
# What Pillow may try, whatever the suffix says: other formats start other programs
# (EPS) or have decoders that few eyes have looked at. Telephones' MPO opens as JPEG.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")


class UnreadableImageError(Exception):
    """A file that is no image, is damaged or too large; the message is the reason."""


def read_picture(path: Path, *, size: int, channels: int) -> tuple[np.ndarray, bool]:
    """Read the middle square of an image at `size` by `size` pixels.

    The first frame counts. Orientation follows the EXIF tag, transparent pixels lie on
    white, 16-bit grey is rounded to 8 bits, grey is Pillow's luma of ITU-R 601-2
    (0.299 R + 0.587 G + 0.114 B). Colour profiles are ignored, as other trainers do.

    The filter is Pillow's bicubic: its kernel widens with the reduction, so that it
    does not alias (torch's does, unless told), and it rings less than Lanczos, whose
    overshoot a network learns as halos. clean-fid resizes with the same filter.

    Args:
        path: JPEG, PNG, WebP, BMP or GIF.
        size: the side of the square.
        channels: 1 for grey or 3 for colour.

    Returns:
        The image, uint8 (channels, size, size), and whether it had to be enlarged.

    Raises:
        UnreadableImageError: the file cannot be decoded.
    """
    image = flattened(decode(path)).convert("L" if channels == 1 else "RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    small = square.resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(small).reshape(size, size, channels)
    return pixels.transpose(2, 0, 1), side < size


def decode(path: Path) -> Image.Image:
    """Decode the first frame, upright and at full size.

    Decoding a JPEG at an eighth of its size would be several times faster, but moves
    single pixels of the result by up to 36 levels.

    Raises:
        UnreadableImageError: the file cannot be decoded.
    """
    try:
        # Pillow warns of odd metadata and large images; neither matters here. Twice as
        # large, 179 million pixels, it refuses: a few kB can claim more than the memory.
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(path, formats=FORMATS) as image,
        ):
            image.load()
            return ImageOps.exif_transpose(image)
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        reason = str(error).replace(f" {str(path)!r}", "") or type(error).__name__
        raise UnreadableImageError(reason) from error


def flattened(image: Image.Image) -> Image.Image:
    """The image with 8 bits a channel and nothing transparent."""
    if image.mode.startswith("I"):
        # Pillow's own conversion clips in some versions and truncates in others.
        grey = np.rint(np.asarray(image).astype(np.float64) / 257.0)
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    paper = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(paper, layer)
