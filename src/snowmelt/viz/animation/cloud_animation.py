"""Animations of moving clouds of points, and strips of the same for print.

Points are blue, real ones vermillion, and the density, where it is known, pale below them.
An animation takes at most `MOST_MOVING` points, since each that moves costs bytes; more
panels take fewer each. Of more points evenly spaced ones are drawn, the same in all frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.viz.animation.canvas import Canvas
from snowmelt.viz.animation.gif import palette
from snowmelt.viz.plots import plane_panels
from snowmelt.viz.plots.density_plot import PALE_TONES, draw_density, tones
from snowmelt.viz.plots.plane_panels import bare, moment, within
from snowmelt.viz.plots.point_scatter import Points, evenly, thinned
from snowmelt.viz.style import BLUE, VERMILLION, styled

MOST_MOVING = 3000
MOST_IN_STRIP = 1200
STRIP_SIDE = 2.2  # inches of a panel
Behind = Raster | Sequence[Raster | None] | None


@styled
def cloud_animation(
    path: Path,
    clouds: Sequence[Points],
    titles: Sequence[str],
    times: ArrayLike,
    *,
    background: Behind = None,
    reference: Points | None = None,
    seconds: float = 4.0,
) -> None:
    """Write a GIF of clouds that move by one clock, each in a panel of its own.

    Args:
        clouds: one (K, N, D) for each panel: the same N points at K times.
        titles: one for each panel; "" for none.
        times: (K,), shown by the clock below.
        background: a density behind all panels, or one (or None) for each; it moves with
            the points or stands. It says what part of the plane is shown.
        reference: (M, D), real points behind all.
        seconds: how long the motion takes, without the hold of the last frame.

    Raises:
        ValueError: shapes, or numbers of things, that do not fit each other.
    """
    clock = np.asarray(times, dtype=np.float64)
    behind = _behind(background, len(clouds))
    _require(clouds, titles, clock, behind, reference)
    shown = [_moving(cloud, len(clouds)) for cloud in clouds]
    extent = _shown_extent(shown, clock, behind)
    canvas = Canvas(titles, extent, clock)
    actors = [
        _Panel(axes, cloud, extent, raster, reference, canvas.side)
        for axes, cloud, raster in zip(canvas.panels, shown, behind, strict=True)
    ]

    def show(index: int) -> None:
        for actor in actors:
            actor.show(index)

    moving = [artist for actor in actors for artist in actor.moving]
    inks = [BLUE] if reference is None else [BLUE, VERMILLION]
    is_bare = all(raster is None for raster in behind)
    canvas.record(path, moving, show, palette([] if is_bare else PALE_TONES, inks), seconds)


@styled
def cloud_strip(
    frames: Points,
    times: ArrayLike,
    *,
    background: Raster | None = None,
    reference: Points | None = None,
    columns: int = 6,
) -> Figure:
    """A few moments of an animation, evenly spaced, left to right; see `cloud_animation`.

    Args:
        frames: (K, N, D), of which `columns` moments are shown.
        background: a density behind the points, of one moment or K.
    """
    clock = np.asarray(times, dtype=np.float64)
    behind = _behind(background, 1)
    _require([frames], [""], clock, behind, reference)
    extent = _shown_extent([frames], clock, behind)
    shown = frames[:, evenly(frames.shape[1], MOST_IN_STRIP)]
    if reference is not None:
        reference = reference[evenly(len(reference), MOST_IN_STRIP)]
    chosen = np.unique(np.linspace(0, len(frames) - 1, columns).round().astype(int))
    figure, panels = plane_panels.grid_of_panels(
        len(chosen), extent, columns=len(chosen), width=STRIP_SIDE
    )
    for axes, index in zip(panels, chosen, strict=True):
        _Panel(axes, shown, extent, behind[0], reference, STRIP_SIDE).show(index)
        axes.set_title(moment(clock[index]), fontweight="normal")
    return figure


class _Panel:
    """A cloud, and what lies behind it, in axes."""

    def __init__(
        self, axes: Axes, cloud: Points, extent: Extent, raster: Raster | None,
        reference: Points | None, side: float,
    ) -> None:  # fmt: skip
        bare(axes, extent)
        self.cloud, self.extent, self.raster = cloud, extent, raster
        self.moving: list[Artist] = []
        self.image = None
        if raster is not None:
            self.image = draw_density(axes, raster.at(0), raster.extent)
            if len(raster.values) > 1:
                self.moving.append(self.image)
        if reference is not None:
            real = _dots(axes, reference, extent, side, is_real=True)
            self.moving += [real] if self.moving else []
        self.dots = _dots(axes, cloud[0], extent, side)
        self.lost = plane_panels.note(axes, "", side="right")
        shown = plane_panels.note(axes, plane_panels.shown_of(cloud.shape[2]))
        self.moving += [self.dots, shown, self.lost]

    def show(self, index: int) -> None:
        """Put all where it is at a moment."""
        if self.image is not None and self.raster is not None:
            self.image.set_data(tones(self.raster.at(index)))
        places = thinned(self.cloud[index])
        self.dots.set_offsets(within(places, self.extent))
        self.lost.set_text(plane_panels.outside(places, self.extent))


def _dots(
    axes: Axes, points: Points, extent: Extent, side: float, *, is_real: bool = False
) -> PathCollection:
    """Marks that get smaller when there are more of them, in a panel of `side` inches.

    Real points are crosses, so that a gray print still tells them apart.
    """
    places = within(thinned(points), extent)
    size = float(np.clip(10000 / max(1, len(places)), 4.7, 20.0)) * (side / 3.8) ** 2
    return axes.scatter(
        places[:, 0],
        places[:, 1],
        s=size * (1.5 if is_real else 1.0),
        c=VERMILLION if is_real else BLUE,
        marker="x" if is_real else "o",
        alpha=0.55 if is_real else 0.7,
        linewidths=0.6 if is_real else 0.0,
        zorder=2.0,
    )


def _moving(cloud: Points, count: int) -> Points:
    """Evenly spaced points of a cloud, as many as `count` panels afford."""
    most = MOST_MOVING if count == 1 else 5 * MOST_MOVING // (4 * count)
    return cloud[:, evenly(cloud.shape[1], most)]


def _shown_extent(
    clouds: Sequence[Points], times: NDArray[np.float64], behind: Sequence[Raster | None]
) -> Extent:
    """What the densities cover; without any, where the points are, above all at the end.

    The end is that of data, the moment closest to time 0; of a run that left nothing finite
    there, the other one.
    """
    extents = [raster.extent for raster in behind if raster is not None]
    if extents:
        return plane_panels.union(extents)
    data, noise = int(np.argmin(np.abs(times))), int(np.argmax(np.abs(times)))
    is_whole = all(np.isfinite(cloud[data]).any() for cloud in clouds)
    return plane_panels.extent_of(
        [cloud[data if is_whole else noise] for cloud in clouds],
        [frame for cloud in clouds for frame in cloud],
    )


def _behind(background: Behind, count: int) -> list[Raster | None]:
    """A density, or none, for each panel."""
    if background is None or isinstance(background, Raster):
        return [background] * count
    if len(background) != count:
        raise ValueError(f"one background a cloud is needed, got {len(background)}")
    return list(background)


def _require(
    clouds: Sequence[Points],
    titles: Sequence[str],
    times: NDArray[np.float64],
    behind: Sequence[Raster | None],
    reference: Points | None,
) -> None:
    """Refuse shapes that do not fit each other, naming them."""
    if not clouds or len(titles) != len(clouds):
        raise ValueError(
            f"one title a cloud is needed, got {len(titles)} for {len(clouds)} clouds"
        )
    for cloud in clouds:
        if cloud.ndim != 3 or not cloud.shape[2] or times.shape != cloud.shape[:1]:
            raise ValueError(
                "clouds must be (K, N, D) and times (K,), got the shapes"
                f" {cloud.shape} and {times.shape}"
            )
        if reference is not None and reference.shape[1:] != cloud.shape[2:]:
            raise ValueError(
                f"reference must be (M, {cloud.shape[2]}), got the shape {reference.shape}"
            )
    if not len(times):
        raise ValueError("a film needs at least one moment, got times of the shape (0,)")
    for raster in behind:
        if raster is not None:
            raster.require(len(times))
