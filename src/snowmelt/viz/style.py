"""The look that every figure shares, and saving figures as the same bytes each time.

Colours are those of Okabe and Ito, which stay apart for colour-blind readers; a series
also has its own line style and marker, so that a gray print still reads. Figures are
made without pyplot: no global state, no window, any thread.
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from snowmelt.common.files import new_file

INK = "#1f2430"
MUTED = "#5f6b7a"
RULE = "#d5dae1"
PAPER = "#ffffff"
EITHER = (
    "#75808d"  # letters that are read on the paper of the light page and of the dark one
)
BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
ORANGE, SKY = "#e69f00", "#56b4e9"

SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 144,
    "figure.facecolor": PAPER,
    "font.family": "DejaVu Sans",  # ships with matplotlib, so the same everywhere
    "font.size": 10,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "svg.fonttype": "path",
    "svg.hashsalt": "snowmelt",
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}

P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run `draw` in the shared style, whatever the user's matplotlibrc says.

    Names of classes may have letters that the font lacks. They become boxes, while tables
    have them whole; matplotlib would warn of each, several times.
    """

    @functools.wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> R:
        with (
            matplotlib.style.context(["default", STYLE]),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from")
            return draw(*args, **kwargs)

    return in_style


def series(index: int) -> dict[str, Any]:
    """Colour and line style of the curve number `index`; they repeat after six."""
    return {
        "color": SERIES[index % len(SERIES)],
        "linestyle": LINES[index % len(LINES)],
    }


def new_axes(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of `width` x `height` inches with `columns` axes in one row."""
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(np.ravel(axes))


@styled
def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG without metadata: the same figure gives the same bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi="figure", metadata={"Software": None})
    return stream.getvalue()


@styled
def svg_text(figure: Figure) -> str:
    """The figure as one `<svg>` element, transparent, without metadata or a prologue."""
    stream = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", metadata=nothing, transparent=True)
    text = stream.getvalue().decode("utf-8")
    return text[text.index("<svg") :]


@styled
def rgb(figure: Figure) -> Image.Image:
    """The figure as an RGB picture, for the frames of a film."""
    drawn = rgba(figure)
    paper = Image.new("RGBA", drawn.size, PAPER)
    return Image.alpha_composite(paper, drawn).convert("RGB")


@styled
def rgba(figure: Figure) -> Image.Image:
    """The figure as a picture that is transparent where nothing was drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba()))


def stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures below each other, on paper; on nothing if all of them are transparent."""
    width = max(picture.width for picture in pictures)
    size = (width, sum(picture.height for picture in pictures))
    is_transparent = all(picture.mode == "RGBA" for picture in pictures)
    whole = Image.new("RGBA", size) if is_transparent else Image.new("RGB", size, PAPER)
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    return whole


def save_png(picture: Figure | Image.Image, path: Path) -> None:
    """Write a figure or a picture as PNG, whole or not at all."""
    content = png_bytes(picture) if isinstance(picture, Figure) else image_bytes(picture)
    with new_file(path) as draft:
        draft.write_bytes(content)


def image_bytes(picture: Image.Image) -> bytes:
    """A picture as PNG bytes."""
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
