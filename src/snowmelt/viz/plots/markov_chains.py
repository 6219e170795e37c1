"""Markov chains on a density: where they went, and their traces.

A refused proposal leaves a chain where it was; what is drawn are the states alone. The
trace says what the plane cannot: how long a chain stays in one place before it leaves. The
pale bands behind a trace are the density of that coordinate, where chains should be.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.viz.animation.canvas import Stage
from snowmelt.viz.animation.gif import palette
from snowmelt.viz.plots.density_plot import PALE_TONES, draw_density
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
FRAMES = 80
LINED = 60  # steps of the first chain that a still picture joins by lines
_TRACES = (BLUE, ORANGE, INK, GREEN)
_TAIL = 25  # steps of a chain that a film shows as a line


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
    _require(chains, raster)
    extent = _extent(chains, raster)
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


@styled
def chains_film(
    path: Path,
    chains: Mapping[str, Array],
    *,
    raster: Raster | None = None,
    seconds: float = 6.0,
) -> None:
    """Write a GIF of chains on their way, a panel for each kernel, by one count of steps.

    Shown are the places visited so far by all chains, and the last steps of the first one.

    Args:
        path: where the film goes.
        chains: states (steps, chains, D), equally many steps, under the kernel's name.
        raster: the density, standing still; it says what part of the plane is shown.
        seconds: how long the motion takes; the last frame is held after it.

    Raises:
        ValueError: no kernel, states of another shape, numbers of steps that differ, or a
            raster that moves.
    """
    _require(chains, raster)
    counts = {len(states) for states in chains.values()}
    if len(counts) > 1:
        raise ValueError(f"chains of one film must be equally long, got {sorted(counts)}")
    extent = _extent(chains, raster)
    moments = evenly(counts.pop(), FRAMES)
    clock = np.asarray(moments + 1, dtype=np.float64)
    stage = Stage(list(chains), extent, clock, lambda step: f"step {step:.0f}")
    actors = [
        _Walk(axes, states, raster, extent)
        for axes, states in zip(stage.panels, chains.values(), strict=True)
    ]

    def show(index: int) -> None:
        for actor in actors:
            actor.show(int(moments[index]))

    moving = [artist for actor in actors for artist in actor.moving]
    colors = palette([] if raster is None else PALE_TONES, [BLUE, INK])
    stage.record(path, moving, show, colors, seconds)


class _Walk:
    """The chains of one kernel in axes."""

    def __init__(
        self, axes: Axes, states: Array, raster: Raster | None, extent: Extent
    ) -> None:
        bare(axes, extent)
        if raster is not None:
            draw_density(axes, raster.at(0), raster.extent)
        steps, count = states.shape[:2]
        followed = max(1, MOST_VISITED // max(1, steps))
        chosen = states[:, evenly(count, followed)]
        self.places = np.stack([within(state, extent) for state in chosen])
        self.first = self.places[:, 0] if count else np.full((steps, 2), np.nan)
        self.dots = axes.scatter([], [], s=5.0, c=BLUE, alpha=0.7, linewidths=0)
        (self.tail,) = axes.plot([], [], color=INK, linewidth=1.2)
        (self.head,) = axes.plot([], [], color=INK, marker="o", markersize=6.0)
        self.moving = [self.dots, self.tail, self.head]

    def show(self, step: int) -> None:
        """All up to and including a step."""
        self.dots.set_offsets(self.places[: step + 1].reshape(-1, 2))
        self.tail.set_data(*self.first[max(0, step - _TAIL) : step + 1].T)
        self.head.set_data(*self.first[step : step + 1].T)


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


def _extent(chains: Mapping[str, Array], raster: Raster | None) -> Extent:
    if raster is not None:
        return raster.extent
    visited = [plane(states.reshape(-1, states.shape[2])) for states in chains.values()]
    return extent_of(visited, visited)


def _require(chains: Mapping[str, Array], raster: Raster | None) -> None:
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
