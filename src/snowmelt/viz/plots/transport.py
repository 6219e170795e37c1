"""The transport of one distribution to another, each as a picture of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.plots.density_plot import DEEP, draw_density
from snowmelt.viz.plots.plane_panels import bare, grid_of_panels
from snowmelt.viz.style import BLUE, MUTED, PAPER, VERMILLION, styled

Array = NDArray[np.floating]
_LESS_TO_MORE = LinearSegmentedColormap.from_list("change", (VERMILLION, PAPER, BLUE))


@styled
def carried(first: Raster, second: Raster, ways: Mapping[str, Array]) -> Figure:
    """Two pictures of cells, what has to change between them, and ways of doing it.

    Args:
        first, second: of the same cells, one moment each; the probability of each cell.
        ways: under its title (K, M, 2), the way of M places of the first into the second.

    Raises:
        ValueError: the cells are not the same.
    """
    if first.values.shape != second.values.shape or first.extent != second.extent:
        raise ValueError(
            f"two pictures of the same cells are needed, got the shapes"
            f" {first.values.shape} and {second.values.shape}"
        )
    extent = first.extent
    titles = "p₁: known", "p₂: wanted", "p₂ − p₁", *ways
    figure, panels = grid_of_panels(
        len(titles), extent, columns=len(titles), width=2.6 if len(titles) > 4 else 2.9
    )
    for axes, title in zip(panels, titles, strict=True):
        bare(axes, extent)
        axes.set_title(title)
    for axes, picture in zip(panels, (first, second), strict=False):
        # The root of each cell's probability, as for every density.
        _draw_cells(axes, np.sqrt(picture.at(0)), extent, cmap=DEEP)
    _draw_change(panels[2], second.at(0) - first.at(0), extent)
    for axes, paths in zip(panels[3:], ways.values(), strict=True):
        draw_density(axes, second.at(0), extent)
        _draw_ways(axes, paths)
    return figure


def _draw_cells(axes: Axes, values: Array, extent: tuple[float, ...], **look: Any) -> None:
    """A value for each cell; the cells stay to be seen."""
    left, right, bottom, top = extent
    rows, columns = values.shape
    edges = np.linspace(left, right, columns + 1), np.linspace(bottom, top, rows + 1)
    axes.pcolormesh(*edges, values, edgecolors=PAPER, linewidth=0.35, **look)


def _draw_change(axes: Axes, change: Array, extent: tuple[float, ...]) -> None:
    """Where probability has to leave, and where it has to arrive."""
    shade = np.sign(change) * np.sqrt(np.abs(change))
    most = float(np.abs(shade).max()) or 1.0
    _draw_cells(axes, shade, extent, cmap=_LESS_TO_MORE, vmin=-most, vmax=most)
    look: dict[str, Any] = {"va": "top", "fontsize": 9, "fontweight": "bold"}
    look["transform"] = axes.transAxes
    axes.text(0.03, 0.96, "has to leave", color=VERMILLION, **look)
    axes.text(0.03, 0.88, "has to come", color=BLUE, **look)


def _draw_ways(axes: Axes, paths: Array) -> None:
    """Each way as a line from a dot to another."""
    lines = LineCollection(
        list(np.moveaxis(paths, 0, 1)), colors=MUTED, linewidths=0.7, alpha=0.55
    )
    axes.add_collection(lines, autolim=False)
    for places, color, size in ((paths[0], VERMILLION, 5.0), (paths[-1], BLUE, 9.0)):
        axes.scatter(places[:, 0], places[:, 1], s=size, c=color, linewidths=0, zorder=2.5)
