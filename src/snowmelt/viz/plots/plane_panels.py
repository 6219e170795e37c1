"""Panels that show a part of the plane: what part, in what frame, and which points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from numpy.typing import ArrayLike, NDArray

from snowmelt.evaluation.plane.plane_arrays import Extent
from snowmelt.viz.plots.point_scatter import Points, limits, plane
from snowmelt.viz.style import BLUE, INK, PAPER, RULE, VERMILLION


def extent_of(near: Sequence[Points], clouds: Sequence[Points]) -> Extent:
    """The square that shows the clouds; see `points.limits`."""
    x, y, radius = limits(near, clouds)
    radius = max(radius, 1e-6 * max(abs(x), abs(y)))  # far out, edges would fall together
    return x - radius, x + radius, y - radius, y + radius


def union(extents: Sequence[Extent]) -> Extent:
    """The smallest rectangle around several."""
    left, right, bottom, top = zip(*extents, strict=True)
    return min(left), max(right), min(bottom), max(top)


def tallness(extent: Extent) -> float:
    """Height over width, kept between a half and two, as a panel's should be."""
    left, right, bottom, top = extent
    return float(np.clip((top - bottom) / (right - left), 0.5, 2.0))


def grid_of_panels(
    count: int, extent: Extent, *, columns: int, width: float = 2.2
) -> tuple[Figure, list[Axes]]:
    """As many panels as asked for, row by row, in the shape of what they show."""
    columns = min(columns, count)
    rows = -(-count // columns)
    height = (width * tallness(extent) + 0.35) * rows
    figure = Figure(figsize=(width * columns, height))
    panels = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for spare in panels[count:]:
        spare.remove()
    return figure, panels[:count]


def bare(axes: Axes, extent: Extent) -> None:
    """Equal scales in a thin frame, without ticks: what counts is where things are."""
    left, right, bottom, top = extent
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="box")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color=RULE, linewidth=0.8, zorder=3.0)


def note(axes: Axes, text: str, side: str = "left") -> Text:
    """Small words in a lower corner of a panel, readable on whatever lies there."""
    return axes.text(
        0.03 if side == "left" else 0.97,
        0.03,
        text,
        transform=axes.transAxes,
        horizontalalignment=side,
        color=INK,
        fontsize=9,
        path_effects=[withStroke(linewidth=2.5, foreground=PAPER)],
        zorder=5.0,
    )


def mark(
    axes: Axes, x: ArrayLike, y: ArrayLike, *, is_start: bool, label: str | None = None
) -> PathCollection:
    """Starts as vermillion squares or ends as blue dots, with a rim of paper.

    The rim lets them stand out from lines and from each other, the shape in a gray print.
    """
    return axes.scatter(
        x,
        y,
        s=20.0,
        c=VERMILLION if is_start else BLUE,
        marker="s" if is_start else "o",
        linewidths=0.6,
        edgecolors=PAPER,
        clip_on=False,
        zorder=4.0,
        label=label,
    )


def shown_of(dimension: int) -> str:
    """What a panel shows of points of a dimension, where that is not all of them."""
    if dimension == 2:
        return ""
    return "height: no meaning" if dimension < 2 else f"coordinates 1, 2 of {dimension}"


def within(points: Points, extent: Extent) -> NDArray[np.float64]:
    """Where to draw points, those outside or not finite made NaN, which draws nothing.

    A run that went wild has places so far away that they break the drawing of the others.

    Shapes:
        points: (N, D) -> (N, 2)
    """
    places = np.array(plane(points), dtype=np.float64)
    left, right, bottom, top = extent
    x, y = places[:, 0], places[:, 1]
    with np.errstate(invalid="ignore"):
        is_inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
    places[~is_inside] = np.nan
    return places


def outside(points: Points, extent: Extent) -> str:
    """A note on how many points a panel cannot show, empty below three in a hundred."""
    lost = np.isnan(within(points, extent)[:, 0])
    share = lost.mean() if len(lost) else 0.0
    return f"{share:.0%} outside" if share >= 0.03 else ""


def moment(time: float) -> str:
    """A time as it is written everywhere."""
    return f"t = {time:.2f}"
