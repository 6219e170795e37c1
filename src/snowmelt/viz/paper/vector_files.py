"""Figures as PDF and SVG, the same bytes each time.

Letters are outlines in SVG and embedded TrueType fonts in PDF. Images of samples stay what
they are, pixels, and are put into the files without loss.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from snowmelt.common.files import new_file
from snowmelt.viz.style import rgb, styled

PIXELS_PER_INCH = 100
_TRUE_TYPE = 42  # conferences refuse the Type 3 of the default
# Neither may say when it was written or by which release.
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": dict.fromkeys(("Creator", "Producer", "CreationDate")),
    "svg": dict.fromkeys(("Creator", "Date", "Format", "Type")),
}


def save_vectors(figures: Mapping[str, Figure | Image.Image], folder: Path) -> list[Path]:
    """Write each figure as `<name>.pdf` and `<name>.svg`; return the files."""
    return [file for name, one in figures.items() for file in _saved(one, folder / name)]


def _saved(picture: Figure | Image.Image, path: Path) -> Iterator[Path]:
    figure = _as_figure(picture)
    for ending in _METADATA:
        target = path.with_suffix(f".{ending}")
        with new_file(target) as draft:
            draft.write_bytes(_content(figure, ending))
        yield target


@styled
def _content(figure: Figure, ending: str) -> bytes:
    stream = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": _TRUE_TYPE}):
        figure.savefig(stream, format=ending, metadata=_METADATA[ending], dpi=200)
    return stream.getvalue()


@styled
def _as_figure(picture: Figure | Image.Image) -> Figure:
    """A picture of pixels fills a figure; so does a figure that was made of pixels."""
    if isinstance(picture, Figure):
        # Pixels that were pasted at places of the screen have none in these files.
        if not picture.images:
            return picture
        picture = rgb(picture)
    size = (picture.width / PIXELS_PER_INCH, picture.height / PIXELS_PER_INCH)
    figure = Figure(figsize=size)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.imshow(np.asarray(picture), interpolation="none", cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
    return figure
