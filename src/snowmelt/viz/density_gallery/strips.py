"""Stacked strips of the frames of several animations, as one picture."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.animation.cloud_animation import cloud_strip
from snowmelt.viz.plots.point_scatter import Points
from snowmelt.viz.style import PAPER, rgb

_TITLE_INCHES = 0.3


def stacked_strips(
    clouds: Sequence[Points],
    titles: Sequence[str],
    times: ArrayLike,
    *,
    background: Raster | None = None,
    columns: int = 6,
) -> Image.Image:
    """A strip for each cloud (K, N, 2), all by one clock, its title above it."""
    strips = []
    for cloud, title in zip(clouds, titles, strict=True):
        figure = cloud_strip(cloud, times, background=background, columns=columns)
        strips.append(rgb(_titled(figure, title)))
    whole = Image.new(
        "RGB",
        (max(strip.width for strip in strips), sum(strip.height for strip in strips)),
        PAPER,
    )
    top = 0
    for strip in strips:
        whole.paste(strip, (0, top))
        top += strip.height
    return whole


def _titled(figure: Figure, title: str) -> Figure:
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + _TITLE_INCHES)
    figure.suptitle(title, x=0.006, ha="left", fontsize=11, fontweight="bold")
    return figure
