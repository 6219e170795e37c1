"""Paths of several samplers from the same starts, panel by panel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.plots.path_strands import draw_in_time
from snowmelt.viz.plots.sample_paths import span_of
from snowmelt.viz.style import MUTED, styled

# Times (K,) and states (K, N) of one coordinate of some points; or why there are none.
Way = tuple[NDArray[np.floating], NDArray[np.floating]] | str


@styled
def ways_in_time(
    rows: Mapping[str, Mapping[str, Way]],
    *,
    raster: Raster | None = None,
    size: int = 1,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Coordinate 1 over time: a row for each kind of score, a column for each way.

    Args:
        raster: the density of the coordinate over time, behind all.
        size: how many coordinates the points have.
        limits: the places that are shown, where no raster says it.
    """
    names = list(next(iter(rows.values())))
    figure = Figure(figsize=(3.5 * len(names), 0.4 + 2.5 * len(rows)))
    panels = figure.subplots(len(rows), len(names), squeeze=False, sharex=True, sharey=True)
    for row, (score, ways) in enumerate(rows.items()):
        for column, name in enumerate(names):
            axes, way = panels[row, column], ways[name]
            axes.set_title(name if row == 0 else "")
            if isinstance(way, str):
                axes.set_axis_off()
                look = {"ha": "center", "va": "center", "color": MUTED}
                axes.text(0.5, 0.5, way, transform=axes.transAxes, **look)
                continue
            times, states = np.asarray(way[0], dtype=np.float64), way[1]
            draw_in_time(axes, times, states, raster, span_of([states], raster))
        note = f" of {size}" if size > 1 else ""
        panels[row, 0].set_ylabel(f"{score}\ncoordinate 1{note}")
        for axes in panels[row, 1:]:
            axes.set_ylabel("")
    for axes in panels[:-1].flat:
        axes.set_xlabel("")
    if limits is not None:
        panels[0, 0].set_ylim(limits)
    return figure
