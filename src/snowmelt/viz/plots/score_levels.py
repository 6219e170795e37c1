"""One field at several noise levels, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from snowmelt.evaluation.plane.plane_arrays import Raster, VectorField
from snowmelt.viz.plots.density_plot import draw_density
from snowmelt.viz.plots.plane_panels import bare, grid_of_panels
from snowmelt.viz.plots.vector_fields import draw_arrows, scale
from snowmelt.viz.style import styled


@styled
def score_levels(
    levels: Sequence[VectorField], raster: Raster, titles: Sequence[str], columns: int = 4
) -> Figure:
    """A panel for each level, to a scale of its own, its moment of `raster` behind it.

    Raises:
        ValueError: numbers of levels, moments and titles that do not fit.
    """
    if not len(levels) == len(raster.values) == len(titles) > 0:
        raise ValueError(
            f"each level needs a moment and a title, got {len(levels)} levels,"
            f" {len(raster.values)} moments and {len(titles)} titles"
        )
    figure, panels = grid_of_panels(len(levels), raster.extent, columns=columns, width=3.1)
    for axes, level, values, title in zip(
        panels, levels, raster.values, titles, strict=True
    ):
        bare(axes, raster.extent)
        draw_density(axes, values, raster.extent)
        draw_arrows(axes, level, scale(level))
        axes.set_title(title)
    return figure
