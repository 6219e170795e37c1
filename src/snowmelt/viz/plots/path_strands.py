"""How paths, and the density that they keep to, are drawn into given axes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.viz.plots.density_plot import PALE_TONES, draw_density
from snowmelt.viz.plots.plane_panels import bare, mark, within
from snowmelt.viz.plots.point_scatter import evenly, plane
from snowmelt.viz.style import BLUE, MUTED

Array = NDArray[np.floating]
MOST_IN_TIME = 30
MOST_IN_PLANE = 18
_FAR = 20.0  # panels away, from where a line would only cost precision


def draw_in_time(
    axes: Axes,
    times: NDArray[np.float64],
    states: Array,
    raster: Raster | None,
    span: tuple[float, float],
) -> None:
    """Paths (K, N) over the times (K,), above a density scaled to one peak at each time."""
    first, last = float(times[0]), float(times[-1])
    axes.set(xlim=(first, last if last != first else first + 1.0), ylim=span)
    axes.grid(False)
    if raster is not None:
        draw_density(axes, _each_time(raster.at(0)), raster.extent)
    shown = _near(np.asarray(states, dtype=np.float64), *span)
    shown = shown[:, evenly(shown.shape[1], MOST_IN_TIME)]
    axes.plot(times, shown, color=BLUE, linewidth=0.9, alpha=0.75)
    inside = np.where((shown >= span[0]) & (shown <= span[1]), shown, np.nan)
    for index in (0, -1):
        places = np.full(shown.shape[1], times[index])
        mark(axes, places, inside[index], is_start=index == 0)
    axes.set(xlabel="t", ylabel="coordinate 1")


def _each_time(values: Array) -> NDArray[np.float64]:
    """A density over time scaled to the same peak at each time. Shapes: (H, W)"""
    density = np.nan_to_num(np.asarray(values, dtype=np.float64), posinf=0.0, neginf=0.0)
    peaks = density.max(axis=0)
    return density / np.where(peaks > 0, peaks, 1.0)


def draw_marginal(axes: Axes, raster: Raster, time: float, *, outwards_left: bool) -> None:
    """The density of the coordinate at one end of time, beside the panel."""
    left, right, bottom, top = raster.extent
    values = np.nan_to_num(raster.at(0).astype(np.float64), posinf=0.0, neginf=0.0)
    height, width = values.shape
    column = int(np.clip((time - left) / (right - left) * width, 0, width - 1))
    place = bottom + (np.arange(height) + 0.5) * (top - bottom) / height
    axes.fill_betweenx(place, values[:, column], color=PALE_TONES[-2], linewidth=0)
    axes.plot(values[:, column], place, color=MUTED, linewidth=1.0)
    most = 1.05 * values[:, column].max() or 1.0
    axes.set_xlim((most, 0.0) if outwards_left else (0.0, most))
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False)
    if not outwards_left:
        axes.tick_params(left=False, labelleft=False)


def draw_in_plane(axes: Axes, states: Array, raster: Raster | None, extent: Extent) -> None:
    """Paths (K, N, D) in the plane; the last two collections are their starts and ends."""
    bare(axes, extent)
    if raster is not None:
        draw_density(axes, raster.at(0), raster.extent)
    shown = states[:, evenly(states.shape[1], MOST_IN_PLANE)]
    places = np.stack([np.asarray(plane(state), dtype=np.float64) for state in shown])
    places = np.stack(
        [_near(places[..., 0], *extent[:2]), _near(places[..., 1], *extent[2:])], -1
    )
    axes.add_collection(_faded(places), autolim=False)
    for index, name in ((0, "start"), (-1, "end")):
        seen = within(shown[index], extent)
        mark(axes, seen[:, 0], seen[:, 1], is_start=index == 0, label=name)


def _faded(places: NDArray[np.float64]) -> LineCollection:
    """Paths (K, N, 2) as pieces, each more solid than the one before it."""
    pieces = np.stack([places[:-1], places[1:]], axis=2)  # (K - 1, N, 2 ends, 2)
    alphas = np.repeat(np.linspace(0.2, 0.95, len(pieces)), pieces.shape[1])
    colors = np.tile(to_rgba(BLUE), (len(alphas), 1))
    colors[:, 3] = alphas
    pieces = pieces.reshape(-1, 2, 2)
    finite = np.isfinite(pieces).all(axis=(1, 2))
    return LineCollection(
        list(pieces[finite]),
        colors=colors[finite],
        linewidths=1.0,
        capstyle="butt",
        zorder=2.0,
    )


def _near(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """What is far outside, or no number, made NaN: a line ends there."""
    far = _FAR * (high - low)
    with np.errstate(invalid="ignore"):
        return np.where((values > low - far) & (values < high + far), values, np.nan)
