"""Clouds of points: scatter plots, alone, over real points and side by side.

Only two coordinates can be drawn. Of points with more, the first two are drawn and the
axes say so; points on a line are spread over a band whose height means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.viz.style import BLUE, MUTED, VERMILLION, new_axes, styled

Points = NDArray[np.floating]
MOST_POINTS = 5000  # more than these only blacken the plot; evenly spaced ones are drawn
GOLDEN = 0.6180339887498949


@styled
def scatter(points: Points, reference: Points | None = None) -> Figure:
    """Points (N, D) in the plane, over real ones (M, D) where given."""
    figure, (axes,) = new_axes(5.0, 5.0)
    clouds = [points] if reference is None else [points, reference]
    _frame(axes, points.shape[1], limits([clouds[-1]], clouds))
    if reference is None:
        draw_points(axes, points, BLUE)
    else:
        draw_points(axes, reference, VERMILLION, marker="x", label="real")
        draw_points(axes, points, BLUE, label="generated")
        _legend(axes)
    return figure


@styled
def clouds_beside(
    clouds: Sequence[Points], titles: Sequence[str], *, labels: Sequence[str] | None = None
) -> Figure:
    """Several clouds, each in its own panel, all to the same scale.

    Args:
        clouds: (N, D) each.
        titles: one for each.
        labels: what the two axes show, where that is more than the number of a coordinate.
    """
    figure, panels = new_axes(4.2 * len(clouds), 4.4, len(clouds))
    shared = limits(clouds[:1], clouds)
    for axes, cloud, title in zip(panels, clouds, titles, strict=True):
        _frame(axes, cloud.shape[1], shared)
        draw_points(axes, cloud, BLUE)
        axes.set_title(title)
        if labels is not None:
            axes.set(xlabel=labels[0], ylabel=labels[1])
    return figure


@styled
def small_cloud(points: Points, shared: tuple[float, float, float]) -> Figure:
    """Points without words around them, within limits that other clouds have too."""
    figure, (axes,) = new_axes(2.8, 2.8)
    _frame(axes, points.shape[1], shared)
    draw_points(axes, points, BLUE)
    axes.set(xlabel="", ylabel="")
    axes.tick_params(labelbottom=False, labelleft=False)
    return figure


def thinned(points: Points) -> Points:
    """At most `MOST_POINTS`, evenly spaced, so that the choice never changes."""
    return points[evenly(len(points), MOST_POINTS)]


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """The numbers of at most `most` of `count` things, evenly spaced. Shapes: -> (n,)"""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).astype(np.int64)


def plane(points: Points) -> Points:
    """The first two coordinates; a band of low discrepancy stands in for a missing one."""
    if points.shape[1] >= 2:
        return points[:, :2]
    band = (np.arange(len(points)) * GOLDEN) % 1.0 - 0.5
    return np.column_stack([points[:, 0], band])


def limits(near: Sequence[Points], clouds: Sequence[Points]) -> tuple[float, float, float]:
    """Centre x, centre y and half-width that show all clouds.

    At most twice what the clouds in `near` take: a variance-exploding start would
    otherwise shrink the data to a dot. Strays beyond the 99.5 % quantile are cut.
    """
    close = np.concatenate([plane(cloud) for cloud in near])
    close = close[np.isfinite(close).all(axis=1)]
    if not len(close):
        return 0.0, 0.0, 1.0
    centre = (close.max(axis=0) + close.min(axis=0)) / 2
    wanted = max(_radius(cloud, centre, 0.995) for cloud in clouds)
    radius = min(wanted, 2 * _radius(close, centre, 1.0))
    return float(centre[0]), float(centre[1]), 1.08 * radius or 1.0


def _radius(points: Points, centre: Points, quantile: float) -> float:
    """How far the cloud reaches from `centre` along an axis."""
    distance = np.abs(plane(points) - centre).max(axis=1)
    distance = distance[np.isfinite(distance)]
    return float(np.quantile(distance, quantile)) if len(distance) else 0.0


def _frame(axes: Axes, dimension: int, limits: tuple[float, float, float]) -> None:
    """Square axes with equal scales, labelled with what they show."""
    x, y, radius = limits
    axes.set(xlim=(x - radius, x + radius), ylim=(y - radius, y + radius))
    axes.set_aspect("equal", adjustable="box")
    note = f" of {dimension}" if dimension > 2 else ""
    axes.set_xlabel(f"coordinate 1{note}")
    axes.set_ylabel(f"coordinate 2{note}" if dimension > 1 else "(no meaning)")


def draw_points(
    axes: Axes, points: Points, color: str, marker: str = "o", label: str | None = None
) -> PathCollection:
    """Light dots, smaller when there are more of them."""
    points = plane(thinned(points))
    size = float(np.clip(6000 / max(1, len(points)), 2.0, 14.0))
    cross = marker == "x"
    return axes.scatter(
        points[:, 0],
        points[:, 1],
        s=size * (1.6 if cross else 1.0),
        marker=marker,
        c=color,
        alpha=0.45 if cross else 0.6,
        linewidths=0.7 if cross else 0.0,
        label=label,
        rasterized=True,
    )


def _legend(axes: Axes) -> None:
    """A legend whose marks can be seen however small the dots are."""
    legend = axes.legend(loc="upper right", labelcolor=MUTED)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([24])
            handle.set_alpha(0.9)
