"""Clouds of points: scatter plots, and films of a cloud on its way.

Only two coordinates can be drawn. Of points with more, the first two are drawn and the
axes say so; points on a line are spread over a band whose height means nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageColor

from snowmelt.figures.style import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    VERMILLION,
    new_axes,
    rgb,
    styled,
)
from snowmelt.files import new_file

Points = NDArray[np.floating]
MOST_POINTS = 5000  # more than these only blacken the plot; evenly spaced ones are drawn
GOLDEN = 0.6180339887498949


@styled
def scatter(points: Points, reference: Points | None = None) -> Figure:
    """Points (N, D) in the plane, over real ones (M, D) where given."""
    figure, (axes,) = new_axes(5.0, 5.0)
    clouds = [points] if reference is None else [points, reference]
    _frame(axes, points.shape[1], _limits([clouds[-1]], clouds))
    if reference is None:
        _draw(axes, points, BLUE)
    else:
        _draw(axes, reference, VERMILLION, marker="x", label="real")
        _draw(axes, points, BLUE, label="generated")
        _legend(axes)
    return figure


@styled
def clouds_beside(clouds: Sequence[Points], titles: Sequence[str]) -> Figure:
    """Several clouds, each in its own panel, all to the same scale."""
    figure, panels = new_axes(4.2 * len(clouds), 4.4, len(clouds))
    limits = _limits(clouds[:1], clouds)
    for axes, cloud, title in zip(panels, clouds, titles, strict=True):
        _frame(axes, cloud.shape[1], limits)
        _draw(axes, cloud, BLUE)
        axes.set_title(title)
    return figure


@styled
def trajectory_strip(
    frames: Points, times: ArrayLike, reference: Points | None = None, columns: int = 6
) -> Figure:
    """A few moments of a trajectory, left to right; see `trajectory_film`."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, columns).round().astype(int))
    figure, panels = new_axes(2.1 * len(chosen), 2.4, len(chosen))
    limits = _limits([frames[-1]], [*frames])
    for axes, index in zip(panels, chosen, strict=True):
        _frame(axes, frames.shape[2], limits)
        axes.set(xlabel="", ylabel="", xticks=[], yticks=[])
        if reference is not None:
            _draw(axes, reference, VERMILLION, marker="x")
        _draw(axes, frames[index], BLUE)
        axes.set_title(f"t = {np.asarray(times)[index]:.2f}", fontweight="normal")
    return figure


@styled
def trajectory_film(
    path: Path,
    frames: Points,
    times: ArrayLike,
    reference: Points | None = None,
    seconds: float = 4.0,
) -> None:
    """Write a GIF of a cloud that moves, the axes fixed, the last frame held.

    Args:
        path: where the film goes.
        frames: (K, N, D), the same N points at K times.
        times: (K), written in the corner.
        reference: (M, D), real points that stay in the background.
        seconds: how long the motion takes.
    """
    figure = Figure(figsize=(4.0, 4.0), dpi=100)
    axes = figure.subplots()
    _frame(axes, frames.shape[2], _limits([frames[-1]], [*frames]))
    if reference is not None:
        _draw(axes, reference, VERMILLION, marker="x")
    cloud = _draw(axes, frames[0], BLUE)
    clock = axes.text(0.03, 0.95, "", transform=axes.transAxes, color=INK, fontsize=11)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the axes stay where the first frame puts them
    pictures = []
    for points, time in zip(frames, np.asarray(times), strict=True):
        cloud.set_offsets(_plane(thinned(points)))
        clock.set_text(f"t = {time:.2f}")
        pictures.append(rgb(figure))
    _write_gif(path, pictures, seconds)


def _write_gif(path: Path, pictures: list[Image.Image], seconds: float) -> None:
    """Frames of one palette, so that only what moved is stored."""
    palette = _palette()
    frames = [
        picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures
    ]
    # GIF counts in hundredths of a second, and viewers slow down what is below two.
    each = max(20, round(1000 * seconds / len(frames) / 10) * 10)
    with new_file(path) as draft:
        frames[0].save(
            draft,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=[each] * (len(frames) - 1) + [1500],
            loop=0,
        )


def _palette() -> Image.Image:
    """The colours of the figures and what lies between any two of them."""
    bases = [ImageColor.getrgb(name)[:3] for name in (PAPER, INK, BLUE, VERMILLION, MUTED)]
    colors = dict.fromkeys(
        tuple(round(((4 - step) * x + step * y) / 4) for x, y in zip(one, two, strict=True))
        for one, two in itertools.combinations(bases, 2)
        for step in range(5)
    )
    holder = Image.new("P", (1, 1))
    holder.putpalette([level for color in colors for level in color])
    return holder


def thinned(points: Points) -> Points:
    """At most `MOST_POINTS`, evenly spaced, so that the choice never changes."""
    if len(points) <= MOST_POINTS:
        return points
    return points[np.linspace(0, len(points) - 1, MOST_POINTS).astype(int)]


def _plane(points: Points) -> Points:
    """The first two coordinates; a band of low discrepancy stands in for a missing one."""
    if points.shape[1] >= 2:
        return points[:, :2]
    band = (np.arange(len(points)) * GOLDEN) % 1.0 - 0.5
    return np.column_stack([points[:, 0], band])


def _limits(near: Sequence[Points], clouds: Sequence[Points]) -> tuple[float, float, float]:
    """Centre x, centre y and half-width that show all clouds.

    At most twice what the clouds in `near` take: a variance-exploding start would
    otherwise shrink the data to a dot. Strays beyond the 99.5 % quantile are cut.
    """
    close = np.concatenate([_plane(cloud) for cloud in near])
    close = close[np.isfinite(close).all(axis=1)]
    if not len(close):
        return 0.0, 0.0, 1.0
    centre = (close.max(axis=0) + close.min(axis=0)) / 2
    wanted = max(_radius(cloud, centre, 0.995) for cloud in clouds)
    radius = min(wanted, 2 * _radius(close, centre, 1.0))
    return float(centre[0]), float(centre[1]), 1.08 * radius or 1.0


def _radius(points: Points, centre: Points, quantile: float) -> float:
    """How far the cloud reaches from `centre` along an axis."""
    distance = np.abs(_plane(points) - centre).max(axis=1)
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


def _draw(
    axes: Axes, points: Points, color: str, marker: str = "o", label: str | None = None
) -> PathCollection:
    """Light dots, smaller when there are more of them."""
    points = _plane(thinned(points))
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
