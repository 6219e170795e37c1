"""Grids and strips of images, exact to the pixel.

Images come as they are stored: uint8 (N, C, H, W) with the data's own range of values
(digits use 0..16). They are enlarged by whole factors without smoothing, so what is
seen is what is in the array. A picture that fits the page of the report is shown there
pixel for pixel; one that does not would be shrunk, and its images with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from snowmelt.viz.style import EITHER, styled

ENOUGH_PIXELS = 96  # a tile smaller than this is enlarged to about this size
LARGEST_PIXEL = 8  # seen well enough: more 8x8 images fit the page at 64 pixels than at 96
PAGE_PIXELS = 1060  # inside the page of the report, in a window of 1160 pixels or more
HALF_PIXELS = 520  # for each of two grids side by side there
GAP_LEVEL = 128  # seen beside black and beside white
MARGIN, DPI = 16, 100
FEWEST_MOMENTS = 6


def image_grid(
    images: NDArray[np.uint8],
    value_range: Sequence[int],
    columns: int | None = None,
    scale: int | None = None,
    gap: int | None = None,
) -> Image.Image:
    """Images side by side, row by row, with thin gaps.

    One channel is drawn in gray and three in colour; of any other number, the first
    three channels are drawn as colour, or the first alone as gray.

    Args:
        images: uint8 (N, C, H, W), N >= 1.
        value_range: the stored values drawn black and white; others are clipped.
        columns: tiles in a row; by default about sqrt(N), and no more than fit the page.
        scale: whole factor of enlargement; `enlargement` by default.
        gap: pixels between the tiles; by default about a twelfth of a tile, since
            strokes that touch the border would otherwise run on into the next tile.

    Raises:
        ValueError: the shape or the range cannot be drawn.
    """
    tiles = _tiles(images, value_range)
    count, height, width, depth = tiles.shape
    scale = scale or enlargement(images)
    most = columns or min(math.ceil(math.sqrt(count)), columns_within(PAGE_PIXELS, images))
    columns = min(most, count)
    rows = math.ceil(count / columns)

    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = height * scale, width * scale
    gap = _gap(height, width) if gap is None else gap
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, depth)
    canvas = np.full(shape, GAP_LEVEL, dtype=np.uint8)
    for index, tile in enumerate(tiles):
        y, x = (index // columns) * (height + gap), (index % columns) * (width + gap)
        canvas[y : y + height, x : x + width] = tile
    return Image.fromarray(canvas[..., 0] if depth == 1 else canvas)


def enlargement(images: NDArray[np.uint8]) -> int:
    """The whole factor to which images are drawn; 1 for large ones.

    Shapes:
        images: (N, C, H, W)
    """
    return max(1, min(LARGEST_PIXEL, round(ENOUGH_PIXELS / max(images.shape[2:]))))


def columns_within(width: int, images: NDArray[np.uint8]) -> int:
    """How many images, drawn as `image_grid` does, a row of pixels holds; 1 at least.

    Shapes:
        images: (N, C, H, W)
    """
    tile_height, tile_width = (enlargement(images) * side for side in images.shape[2:])
    gap = _gap(tile_height, tile_width)
    return max(1, (width + gap) // (tile_width + gap))


def no_wider(picture: Image.Image, width: int) -> Image.Image:
    """A picture of large images, made smaller where it has more than so many pixels."""
    if picture.width <= width:
        return picture
    height = max(1, round(picture.height * width / picture.width))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _gap(height: int, width: int) -> int:
    """Pixels between tiles of this size."""
    return max(1, round(min(height, width, ENOUGH_PIXELS) / 12))


def _tiles(images: NDArray[np.uint8], value_range: Sequence[int]) -> NDArray[np.uint8]:
    """Stored images as levels 0..255 in the order (N, H, W, 1 or 3)."""
    low, high = value_range
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"a grid needs images (N, C, H, W), not {images.shape}")
    if images.dtype != np.uint8 or not low < high:
        found = f"{images.dtype}, {value_range}"
        raise ValueError(f"a grid needs uint8 and a range that rises, not {found}")
    levels = (np.arange(256) - low) * (255.0 / (high - low))
    table = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    depth = 3 if images.shape[1] >= 3 else 1
    return table[np.moveaxis(images[:, :depth], 1, -1)]


@styled
def side_by_side(pictures: Sequence[Image.Image], titles: Sequence[str]) -> Figure:
    """Pictures in one row, each below its title, pixel for pixel."""
    margin, line = MARGIN, 24
    width = sum(picture.width + margin for picture in pictures) + margin
    height = max(picture.height for picture in pictures) + line + 2 * margin
    figure = _canvas(width, height)
    left = margin
    for picture, title in zip(pictures, titles, strict=True):
        _paste(figure, picture, left, margin + line)
        y = 1 - (margin + line - 7) / height
        figure.text(left / width, y, title, fontsize=10, weight="bold", color=EITHER)
        left += picture.width + margin
    return figure


def real_and_generated(
    real: NDArray[np.uint8],
    generated: NDArray[np.uint8],
    value_range: Sequence[int],
    columns: int | None = None,
) -> Figure:
    """Real images beside generated ones, as many of each as both have.

    Args:
        columns: images in a row of each; as many as fit the page by default.
    """
    count = min(len(real), len(generated))
    columns = columns or columns_within(HALF_PIXELS, real)
    grids = [image_grid(part[:count], value_range, columns) for part in (real, generated)]
    return side_by_side(grids, ["real", "generated"])


@styled
def denoising_strip(
    frames: NDArray[np.uint8],
    times: NDArray[np.float64] | Sequence[float],
    value_range: Sequence[int],
) -> Figure:
    """The reverse process: an image a row, a time a column, noise on the left.

    Of more times than fit the page the first, the last and some between them are drawn,
    and of the images no more than of times.

    Args:
        frames: uint8 (K, N, C, H, W), the N images at each of K times.
        times: (K), in [0, 1].
    """
    margin, line = MARGIN, 20
    inside = PAGE_PIXELS - 2 * margin
    steps = min(len(frames), max(FEWEST_MOMENTS, columns_within(inside, frames[0])))
    drawn = np.linspace(0, len(frames) - 1, steps).round().astype(int)
    in_rows = np.swapaxes(frames[drawn, :steps], 0, 1).reshape(-1, *frames.shape[2:])
    picture = no_wider(image_grid(in_rows, value_range, columns=steps), inside)
    width, height = picture.width + 2 * margin, picture.height + line + 2 * margin
    figure = _canvas(width, height)
    _paste(figure, picture, margin, margin + line)
    tile = picture.width / steps
    for column, time in enumerate(np.asarray(times)[drawn]):
        x = (margin + (column + 0.5) * tile) / width
        label = f"t = {time:.2f}" if column == 0 else f"{time:.2f}"
        y = 1 - (margin + line - 6) / height
        figure.text(x, y, label, fontsize=8, ha="center", color=EITHER)
    return figure


def _canvas(width: int, height: int) -> Figure:
    """An empty figure of so many pixels, transparent: the page may be dark."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    figure.patch.set_alpha(0.0)
    figure.set_layout_engine("none")
    return figure


def _paste(figure: Figure, picture: Image.Image, left: int, top: int) -> None:
    """Put a picture at pixels from the left and from the top, not resampled."""
    height = round(figure.get_figheight() * DPI)
    bottom = height - top - picture.height
    figure.figimage(np.asarray(picture.convert("RGB")), left, bottom)
