"""Animations of Markov chains on a density."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.viz.animation.canvas import Canvas
from snowmelt.viz.animation.gif import palette
from snowmelt.viz.plots.density_plot import PALE_TONES, draw_density
from snowmelt.viz.plots.markov_chains import (
    MOST_VISITED,
    Array,
    extent_of_chains,
    require_chains,
)
from snowmelt.viz.plots.plane_panels import bare, within
from snowmelt.viz.plots.point_scatter import evenly
from snowmelt.viz.style import BLUE, INK, styled

FRAMES = 80
_TAIL = 25  # steps of the first chain that are shown as a line


@styled
def chain_animation(
    path: Path,
    chains: Mapping[str, Array],
    *,
    raster: Raster | None = None,
    seconds: float = 6.0,
) -> None:
    """Write a GIF of chains on their way, a panel for each kernel, by one count of steps.

    Shown are the places visited so far by all chains, and the last steps of the first one.

    Args:
        chains: states (steps, chains, D), equally many steps, under the kernel's name.
        raster: the density, standing still; it says what part of the plane is shown.
        seconds: how long the motion takes, without the hold of the last frame.

    Raises:
        ValueError: no kernel, states of another shape, numbers of steps that differ, or a
            raster that moves.
    """
    require_chains(chains, raster)
    counts = {len(states) for states in chains.values()}
    if len(counts) > 1:
        raise ValueError(f"chains of one film must be equally long, got {sorted(counts)}")
    extent = extent_of_chains(chains, raster)
    moments = evenly(counts.pop(), FRAMES)
    clock = np.asarray(moments + 1, dtype=np.float64)
    canvas = Canvas(list(chains), extent, clock, lambda step: f"step {step:.0f}")
    actors = [
        _Walk(axes, states, raster, extent)
        for axes, states in zip(canvas.panels, chains.values(), strict=True)
    ]

    def show(index: int) -> None:
        for actor in actors:
            actor.show(int(moments[index]))

    moving = [artist for actor in actors for artist in actor.moving]
    colors = palette([] if raster is None else PALE_TONES, [BLUE, INK])
    canvas.record(path, moving, show, colors, seconds)


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
