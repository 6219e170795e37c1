"""Pictures in a notebook, as sharp and as large as they are meant.

A notebook draws a `Figure` by itself in its own way: it cuts the margins and so resamples
pictures that were placed pixel for pixel. Here it gets the finished bytes instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from snowmelt.viz.style import image_bytes, png_bytes

SCREEN = 96  # pixels an inch, as browsers count
FINE = 1.2 * SCREEN  # from here on a figure has more pixels than it takes on the page
FORMATS = {".png": "png", ".gif": "gif", ".jpg": "jpeg", ".jpeg": "jpeg"}


def show(picture: Figure | Image.Image | Path) -> Any:
    """What a notebook shows as this picture: the last line of a cell, or for `display`.

    Args:
        picture: a figure, in its own size in inches; a picture, a pixel for a pixel; or a
            PNG, JPEG or GIF file, which may be gone afterwards.

    Raises:
        ValueError: the file is of another kind.
    """
    # The package runs without IPython, which only a notebook needs.
    from IPython.display import Image as Shown

    if isinstance(picture, Figure):
        is_fine = picture.dpi > FINE
        width = round(picture.get_figwidth() * SCREEN) if is_fine else None
        return Shown(data=png_bytes(picture), format="png", width=width)
    if isinstance(picture, Image.Image):
        return Shown(data=image_bytes(picture), format="png")
    if picture.suffix.lower() not in FORMATS:
        raise ValueError(f"show takes {', '.join(FORMATS)} files, got {picture.name}")
    return Shown(data=picture.read_bytes(), format=FORMATS[picture.suffix.lower()])
