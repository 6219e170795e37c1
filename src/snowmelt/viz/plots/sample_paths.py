"""Paths of single points: a coordinate over time, and in the plane.

A path starts at a vermillion square and ends at a blue dot. In time it is read from left
to right as it happened, so the axis of a way back from noise runs from 1 to 0. A path that
leaves the picture, or ends in what is no number, is drawn as far as it goes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.viz.plots.path_strands import draw_in_plane, draw_in_time, draw_marginal
from snowmelt.viz.plots.plane_panels import extent_of, grid_of_panels, note, shown_of
from snowmelt.viz.style import styled

Array = NDArray[np.floating]
_MARGINAL = 0.13  # width of a density at an end of time, in relation to the panel


@styled
def paths_in_time(
    times: ArrayLike, states: Array, *, raster: Raster | None = None, title: str = ""
) -> Figure:
    """A coordinate of some points over time, above its density at each time.

    Args:
        times: (K,), all rising or all falling.
        states: (K, N); of more than `MOST_IN_TIME` points evenly spaced ones are drawn.
        raster: its density, time on x and place on y. On both sides of the panel stand the
            densities at the two ends.

    Raises:
        ValueError: shapes that do not fit, or a raster that moves.
    """
    return paths_in_time_beside({title: (times, states)}, raster=raster)


@styled
def paths_in_time_beside(
    panels: Mapping[str, tuple[ArrayLike, Array]], *, raster: Raster | None = None
) -> Figure:
    """Several `paths_in_time` below each other, (times, states) under each title.

    All have one scale, and the same density behind them.

    Raises:
        ValueError: no panel, shapes that do not fit, or a raster that moves.
    """
    if not panels:
        raise ValueError("paths need at least one panel, got none")
    clocks = [_require_times(times, states, raster) for times, states in panels.values()]
    span = span_of([states for _, states in panels.values()], raster)
    sides = [] if raster is None else [_MARGINAL]
    ratios = [*sides, 1.0, *sides]
    figure = Figure(figsize=(7.6, 0.5 + 2.7 * len(panels)))
    grid = figure.subplots(
        len(panels), len(ratios), squeeze=False, width_ratios=ratios, sharey=True
    )
    for row, clock, (title, (_, states)) in zip(grid, clocks, panels.items(), strict=True):
        main = row[len(sides)]
        draw_in_time(main, clock, states, raster, span)
        main.set_title(title)
        if raster is not None:
            main.set_ylabel("")
            main.tick_params(left=False, labelleft=False)
            for axes, end in ((row[0], 0), (row[-1], 1)):
                draw_marginal(axes, raster, main.get_xlim()[end], outwards_left=end == 0)
            row[0].set_ylabel("coordinate 1")
    for row in grid[:-1]:
        row[len(sides)].set_xlabel("")
    return figure


@styled
def paths_in_plane(
    states: Array, *, raster: Raster | None = None, title: str = ""
) -> Figure:
    """Paths of some points in the plane, faint where they start.

    Args:
        states: (K, N, D); of more than `MOST_IN_PLANE` points evenly spaced ones are drawn.
        raster: a density behind them, best that of the end; it says what is shown.

    Raises:
        ValueError: states of another shape, or a raster that moves.
    """
    return paths_in_plane_beside({title: states}, raster=raster, side=4.4)


@styled
def paths_in_plane_beside(
    panels: Mapping[str, Array], *, raster: Raster | None = None, side: float = 3.4
) -> Figure:
    """Several `paths_in_plane` side by side, states under each title, to one scale.

    Below them stands what the marks mean; `side` is the width of a panel in inches.

    Raises:
        ValueError: no panel, states of another shape, or a raster that moves.
    """
    if not panels:
        raise ValueError("paths need at least one panel, got none")
    for states in panels.values():
        _require_states(states, raster)
    extent = _plane_extent(list(panels.values()), raster)
    figure, grid = grid_of_panels(len(panels), extent, columns=len(panels), width=side)
    for axes, (title, states) in zip(grid, panels.items(), strict=True):
        draw_in_plane(axes, states, raster, extent)
        axes.set_title(title)
        note(axes, shown_of(states.shape[2]))
    marks = grid[0].collections[-2:]
    figure.legend(
        handles=marks, loc="outside lower left", ncols=2, handletextpad=0.2, markerscale=1.3
    )
    return figure


def span_of(several: list[Array], raster: Raster | None) -> tuple[float, float]:
    """The places that a panel shows: the density's, or where nearly all states are."""
    if raster is not None:
        return raster.extent[2:]
    values = np.concatenate([np.ravel(states) for states in several])
    values = values[np.isfinite(values)]
    if not len(values):
        return -1.0, 1.0
    low, high = np.quantile(values, (0.002, 0.998))
    room = 0.06 * (high - low) or 1.0
    return float(low - room), float(high + room)


def _plane_extent(several: list[Array], raster: Raster | None) -> Extent:
    """The part of the plane that is shown: the density's, or where the paths are."""
    if raster is not None:
        return raster.extent
    ends = [states[index] for states in several for index in (0, -1)]
    return extent_of(ends, [state for states in several for state in states])


def _require_times(
    times: ArrayLike, states: Array, raster: Raster | None
) -> NDArray[np.float64]:
    """The times, once they fit the states (K, N)."""
    clock = np.asarray(times, dtype=np.float64)
    if states.ndim != 2 or clock.shape != states.shape[:1] or not len(clock):
        raise ValueError(
            "states must be (K, N) and times (K,), K at least 1, got the shapes"
            f" {states.shape} and {clock.shape}"
        )
    if raster is not None:
        raster.require(1)
    return clock


def _require_states(states: Array, raster: Raster | None) -> None:
    """Refuse what is no (K, N, D)."""
    if states.ndim != 3 or not states.shape[0] or not states.shape[2]:
        raise ValueError(f"states must be (K, N, D), got the shape {states.shape}")
    if raster is not None:
        raster.require(1)
