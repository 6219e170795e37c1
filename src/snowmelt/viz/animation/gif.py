"""GIF files of one fixed palette.

Few colours in large areas are what makes a GIF small. A frame holds the rectangle in which
something moved. To leave out of it each pixel that stayed would make the file larger: a
cloud then leaves two marks for each point, where it was and where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image

from snowmelt.common.files import new_file
from snowmelt.viz.style import INK, MUTED, PAPER, RULE

Color = str | Sequence[float]
HOLD = 1500  # milliseconds that the last frame stays
_SHADES = (0.35, 0.7, 1.0)  # of a colour on a tone: an edge, one dot, several
_LINES = (INK, MUTED, RULE)


def palette(tones: Sequence[Color], inks: Sequence[Color]) -> NDArray[np.uint8]:
    """The tones, and each ink on each of them in a few shades; lines and words on paper.

    Raises:
        ValueError: more than 256 colours.

    Shapes:
        -> (C, 3)
    """
    grounds = list(dict.fromkeys([to_rgb(PAPER), *map(_rgb, tones)]))
    found = dict.fromkeys(grounds)
    pairs = [(ink, ground) for ink in inks for ground in grounds]
    pairs += [(line, to_rgb(PAPER)) for line in _LINES]
    for ink, ground in pairs:
        for shade in _SHADES:
            over = shade * np.array(_rgb(ink)) + (1.0 - shade) * np.array(ground)
            found[tuple(over)] = None
    colors = np.unique(np.round(255 * np.array(list(found))).astype(np.uint8), axis=0)
    if len(colors) > 256:
        raise ValueError(
            f"a GIF has room for 256 colours, got {len(colors)} of {len(tones)} tones and"
            f" {len(inks)} inks"
        )
    return colors


def _rgb(color: Color) -> tuple[float, float, float]:
    return to_rgb(color if isinstance(color, str) else (color[0], color[1], color[2]))


def numbered(picture: NDArray[np.uint8], colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each pixel as the number of the colour nearest to it.

    Shapes:
        picture: (H, W, 3), colors: (C, 3) -> (H, W)
    """
    known = Image.new("P", (1, 1))
    known.putpalette(colors.tobytes())
    found = Image.fromarray(picture).quantize(palette=known, dither=Image.Dither.NONE)
    return np.asarray(found)


def write_gif(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    colors: NDArray[np.uint8],
    seconds: float,
) -> None:
    """Write frames (H, W) of numbers of colours (C, 3), the last one held.

    GIF counts in hundredths of a second, and viewers slow down what takes less than two.
    """
    each = max(20, round(1000 * seconds / len(frames) / 10) * 10)
    pictures = [Image.fromarray(frame) for frame in frames]
    for picture in pictures:
        picture.putpalette(colors.tobytes())
    with new_file(path) as draft:
        pictures[0].save(
            draft,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=[each] * (len(frames) - 1) + [HOLD],
            loop=0,
            optimize=False,  # which would give each frame a palette of its own
        )
