"""One image file of any kind to one uint8 array of a given size.

The order of the steps matters: orientation, crop, colours, resize. Resizing palette
indices or hidden pixels would mix what must not be mixed. The formats are those of
`snowmelt.data.image_formats`.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from snowmelt.common import stopping
from snowmelt.common.regular_files import open_regular
from snowmelt.data import image_levels, image_square, pillow_corrections
from snowmelt.data.image_formats import FORMATS
from snowmelt.data.image_square import Fit

# 8192 by 8192: a full-frame camera's picture passes. A file of a few kB can claim more
# than the memory holds; one at this limit takes half a GB, as WebP or JPEG 2000 1.3.
MOST_PIXELS = 2**26
MOST_PAGES = 500  # are counted
_STRIP = 2**20  # pixels that are converted at a time, so that no second copy is whole


class UnreadableImageError(Exception):
    """A file that is no image, is damaged or too large; the message is the reason."""


class TooLargeImageError(UnreadableImageError):
    """An image of more pixels than allowed; nothing of it was decoded."""


@dataclass(frozen=True)
class PictureFacts:
    """What a reader of the data should know of a file, beside its pixels.

    Attributes:
        is_enlarged: it is smaller than asked.
        is_grey: it has no colours, whatever the pixels became.
        is_transparent: something of it may be hidden; that lies on white.
        frames: pictures of an animation or pages of a document; the first is taken.
        bits: a channel's in the file, 8 or 16; fewer count as 8.
        levels: the smallest and the largest level of what is used, as the file holds them.
    """

    is_enlarged: bool
    is_grey: bool
    is_transparent: bool
    frames: int
    bits: int
    levels: tuple[int, int]


def read_picture(
    path: Path | BinaryIO,
    *,
    size: int,
    channels: int,
    value_range: tuple[int, int] | None = None,
    max_pixels: int = MOST_PIXELS,
    fit: Fit = "crop",
) -> tuple[np.ndarray, PictureFacts]:
    """Read an image at `size` by `size` pixels.

    The first frame counts. Orientation follows the EXIF tag, transparent pixels lie on
    white, 16-bit grey is rounded to 8 bits, 16-bit colour keeps its upper 8 bits, grey is
    Pillow's luma of ITU-R 601-2 (0.299 R + 0.587 G + 0.114 B). Colour profiles are
    ignored, as other trainers do.

    The filter is Pillow's bicubic: its kernel widens with the reduction, so that it
    does not alias (torch's does, unless told), and it rings less than Lanczos, whose
    overshoot a network learns as halos. clean-fid resizes with the same filter.

    Args:
        path: a file of one of `FORMATS`, whatever its name, or the content of one.
        size: the side of the square.
        channels: 1 for grey or 3 for colour.
        value_range: the smallest and the largest level that the file can hold; see
            `snowmelt.data.image_levels`. None: 0 to all that its bits can say.
        max_pixels: an image of more is refused before any of it is decoded.
        fit: what becomes of an image that is no square: "crop" takes its middle square,
            "pad" all of it with white beside it, "stretch" all of it with other
            proportions.

    Returns:
        The image, uint8 (channels, size, size), and what else is known of the file.

    Raises:
        UnreadableImageError: the file cannot be decoded, is too large, or holds levels
            out of the range.
    """
    image, frames = decode(path, max_pixels)
    image = image_square.used(image, fit)
    bits = image_levels.bits_of(image)
    try:
        deep_levels = image_levels.levels_in(image) if bits == 16 else None
        flat = flattened(image, "L" if channels == 1 else "RGB", value_range)
        levels = deep_levels or image_levels.levels_in(flat)
        image_levels.check(bits, levels, value_range)
    except ValueError as error:
        raise UnreadableImageError(str(error)) from error
    facts = PictureFacts(
        is_enlarged=image_square.is_enlarged(image, size, fit),
        is_grey=bits == 16 or image.mode in ("1", "L", "LA", "La"),
        is_transparent=image.has_transparency_data,
        frames=frames,
        bits=bits,
        levels=levels,
    )
    white = image_levels.prepared_range(value_range)[1]
    small = image_square.resized(flat, size, fit, white)
    pixels = np.asarray(small).reshape(size, size, channels).transpose(2, 0, 1)
    if value_range is not None:  # the filter rings beyond it
        pixels = pixels.clip(*image_levels.prepared_range(value_range))
    return pixels, facts


def decode(path: Path | BinaryIO, max_pixels: int = MOST_PIXELS) -> tuple[Image.Image, int]:
    """Decode the first frame, upright and at full size, and count the frames.

    Decoding a JPEG at an eighth of its size would be several times faster, but moves
    single pixels of the result by up to 36 levels.

    Raises:
        UnreadableImageError: the file cannot be decoded, or has more pixels.
        Stopped: that was asked for, and a decoder put an error in its place.
    """
    try:
        with _opened(path) as file, _at_most(max_pixels):
            return _decoded(file)
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        stopping.check()  # or, asked to stop, an error of what they had begun
        raise _refusal(error, path, max_pixels) from error


def _refusal(
    error: Exception, path: Path | BinaryIO, max_pixels: int
) -> UnreadableImageError:
    """Why a file cannot be decoded, in words."""
    if isinstance(error, Image.DecompressionBombError):
        claim = str(error).split(" exceeds")[0]
        return TooLargeImageError(f"{claim} exceeds the limit of {max_pixels} pixels")
    if isinstance(error, UnidentifiedImageError):
        empty = "the file is empty" if _is_empty(path) else "cannot identify image file"
        return UnreadableImageError(empty)
    said = error.strerror if isinstance(error, OSError) else None
    return UnreadableImageError(said or str(error) or type(error).__name__)


@contextlib.contextmanager
def _at_most(pixels: int) -> Iterator[None]:
    """Let Pillow refuse larger images and parts of images by what their headers claim.

    It refuses twice the number that it is told, and warns of that itself; it warns of odd
    metadata too, which does not matter here.
    """
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels / 2  # type: ignore[assignment]
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _decoded(file: BinaryIO) -> tuple[Image.Image, int]:
    image: ImageFile = Image.open(file, formats=FORMATS)
    frames = _frames(image)
    decoded = pillow_corrections.loaded(image)
    ImageOps.exif_transpose(decoded, in_place=True)
    return decoded, frames


def _frames(image: ImageFile) -> int:
    """How many frames or pages there are; of a TIFF at most `MOST_PAGES` are counted."""
    if image.format in ("JPEG", "MPO"):
        return 1  # a telephone's second picture is a preview, or a map of depth or light
    if image.format != "TIFF":
        return int(getattr(image, "n_frames", 1))
    pages = 1
    with contextlib.suppress(EOFError):
        while pages < MOST_PAGES:  # Pillow's own count takes the square of their number
            image.seek(pages)
            pages += 1
    image.seek(0)
    return pages


def _opened(path: Path | BinaryIO) -> BinaryIO:
    return open_regular(path) if isinstance(path, Path) else path


def _is_empty(path: Path | BinaryIO) -> bool:
    if not isinstance(path, Path):
        return False
    try:
        return path.stat().st_size == 0
    except OSError:
        return False


def flattened(
    image: Image.Image, mode: str, value_range: tuple[int, int] | None = None
) -> Image.Image:
    """The image with 8 bits a channel and nothing transparent.

    Args:
        mode: "L" or "RGB".
        value_range: see `read_picture`; its end is the white behind what is hidden.
    """
    if image.mode == mode and not image.has_transparency_data:
        return image
    flat = Image.new(mode, image.size)
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        flat.paste(_flat(strip, value_range).convert(mode), (0, top))
    return flat


def _flat(image: Image.Image, value_range: tuple[int, int] | None) -> Image.Image:
    white = image_levels.prepared_range(value_range)[1]
    if image_levels.bits_of(image) == 16:
        deep = np.asarray(image)
        grey = image_levels.eight_bits(deep, value_range)
        if (hidden := image.info.get("transparency")) is not None:
            grey[deep == hidden] = white
        return Image.fromarray(grey)
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    paper = Image.new("RGBA", layer.size, (white, white, white, 255))
    return Image.alpha_composite(paper, layer)
