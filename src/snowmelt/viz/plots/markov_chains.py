"""Markov chains on a density: where they went, and their traces.

A refused proposal leaves a chain where it was; what is drawn are the states alone. The
trace says what the plane cannot: how long a chain stays in one place before it leaves. The
pale bands behind a trace are the density of that coordinate, where chains should be.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.viz.plots.density_plot import draw_density
from snowmelt.viz.plots.plane_panels import (
    bare,
    extent_of,
    mark,
    note,
    shown_of,
    tallness,
    within,
)
from snowmelt.viz.plots.point_scatter import evenly, plane
from snowmelt.viz.style import BLUE, GREEN, INK, ORANGE, styled

Array = NDArray[np.floating]
MOST_VISITED = 3000
LINED = 60  # steps of the first chain that a still picture joins by lines
_TRACES = (BLUE, ORANGE, INK, GREEN)


@styled
def chains_on_density(
    chains: Mapping[str, Array], *, raster: Raster | None = None, traced: int = 3
) -> Figure:
    """A column for each kernel: the plane above, traces below.

    In the plane: the places that all chains visited, and the first `LINED` steps of one
    from its start in vermillion. Below: coordinate 1 of the first `traced` chains.

    Args:
        chains: states (steps, chains, D) under the name of their kernel.
        raster: the density, standing still; it says what part of the plane is shown.
        traced: of how many chains a trace is drawn.

    Raises:
        ValueError: no kernel, states of another shape, or a raster that moves.
    """
    require_chains(chains, raster)
    extent = extent_of_chains(chains, raster)
    side = 3.3
    figure = Figure(figsize=(side * len(chains), side * tallness(extent) + 2.1))
    rows = figure.subplots(
        2, len(chains), squeeze=False, height_ratios=[side * tallness(extent), 1.5]
    )
    for column, (name, states) in enumerate(chains.items()):
        above, below = rows[:, column]
        _draw_places(above, states, raster, extent)
        above.set_title(name)
        _draw_traces(below, states[:, :traced], raster, extent)
    rows[1, 0].set_ylabel("coordinate 1")
    for axes in rows[1, 1:]:
        axes.tick_params(labelleft=False)
    return figure


def _draw_places(axes: Axes, states: Array, raster: Raster | None, extent: Extent) -> None:
    bare(axes, extent)
    note(axes, shown_of(states.shape[2]))
    if raster is not None:
        draw_density(axes, raster.at(0), raster.extent)
    visited = states.reshape(-1, states.shape[2])
    visited = within(visited[evenly(len(visited), MOST_VISITED)], extent)
    axes.scatter(
        visited[:, 0], visited[:, 1], s=3.0, c=BLUE, alpha=0.35, linewidths=0, zorder=1.0
    )
    if states.shape[1]:
        first = within(states[:LINED, 0], extent)
        axes.plot(*first.T, color=INK, linewidth=0.7, alpha=0.7)
        mark(axes, first[0, 0], first[0, 1], is_start=True)


def _draw_traces(axes: Axes, states: Array, raster: Raster | None, extent: Extent) -> None:
    left, right = extent[:2]
    steps = len(states)
    axes.set(xlim=(0.0, float(max(1, steps))), ylim=(left, right), xlabel="step")
    axes.grid(False)
    # Ticks that follow the panel's size may grow wider once the margins are settled.
    axes.locator_params(nbins=4)
    if raster is not None:
        shares = np.nan_to_num(raster.at(0).astype(np.float64)).sum(axis=0)
        ends = (0.0, float(max(1, steps)), *raster.extent[:2])
        draw_density(axes, np.column_stack([shares, shares]), ends)
    for index in range(states.shape[1] - 1, -1, -1):  # the first lies on top
        axes.plot(
            np.arange(1, steps + 1),
            _clipped(states[:, index, 0], left, right),
            color=_TRACES[index % len(_TRACES)],
            linewidth=1.0,
            alpha=0.9,
        )


def _clipped(values: Array, low: float, high: float) -> NDArray[np.float64]:
    """Values beyond the panel moved just outside it, where the frame cuts the line."""
    room = high - low
    return np.clip(np.asarray(values, dtype=np.float64), low - room, high + room)


def extent_of_chains(chains: Mapping[str, Array], raster: Raster | None) -> Extent:
    if raster is not None:
        return raster.extent
    visited = [plane(states.reshape(-1, states.shape[2])) for states in chains.values()]
    return extent_of(visited, visited)


def require_chains(chains: Mapping[str, Array], raster: Raster | None) -> None:
    """Refuse what is no (steps, chains, D)."""
    if not chains:
        raise ValueError("the picture needs the chains of a kernel, got none")
    for name, states in chains.items():
        if states.ndim != 3 or not states.shape[0] or not states.shape[2]:
            raise ValueError(
                f"chains must be (steps, chains, D), got the shape {states.shape} of {name}"
            )
    if raster is not None:
        raster.require(1)
