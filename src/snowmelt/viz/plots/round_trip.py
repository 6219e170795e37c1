"""Points, their kernel density estimate, and points drawn from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.plots.density_plot import draw_density
from snowmelt.viz.plots.plane_panels import bare, grid_of_panels, within
from snowmelt.viz.plots.point_scatter import Points, draw_points
from snowmelt.viz.style import BLUE, VERMILLION, styled


@dataclass(frozen=True, eq=False)
class View:
    """One panel: points, a density, or points over a density.

    Attributes:
        title: above it.
        points: (N, 2), or None.
        raster: of one moment, or None.
        is_given: whether the points were there first, and are not drawn from a density.
    """

    title: str
    points: Points | None = None
    raster: Raster | None = None
    is_given: bool = False


@styled
def round_trip(
    views: Sequence[View], extent: tuple[float, float, float, float], columns: int = 3
) -> Figure:
    """Panels in reading order, all of the same part of the plane (left, right, ...)."""
    figure, panels = grid_of_panels(len(views), extent, columns=columns, width=2.9)
    for axes, view in zip(panels, views, strict=True):
        bare(axes, extent)
        axes.set_title(view.title)
        if view.raster is not None:
            is_behind = view.points is not None
            draw_density(axes, view.raster.at(0), view.raster.extent, pale=is_behind)
        if view.points is not None:
            color = VERMILLION if view.is_given else BLUE
            draw_points(axes, within(view.points, extent), color)
    return figure
