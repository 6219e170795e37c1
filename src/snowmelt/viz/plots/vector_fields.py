r"""Vector fields in the plane: scores at several noise levels, true and learned.

A score can be a thousand times longer at one noise level than at the next, and on the rim
of a density than at its peak. So each row has a scale $m$ of its own, set by its first
field, and an arrow has the length

$$\ell(v) = \ell_{\max}\,\min\big(1, \sqrt{|v| / m}\big):$$

the root keeps a difference of a few hundredths visible beside what it is a difference of,
and arrows never reach their neighbours. Vectors longer than $m$ are drawn dark. Beside the
row stands what an arrow of full and of half length means; in each panel, how long its
vectors are on the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from snowmelt.evaluation.plane.plane_arrays import Extent, Raster, VectorField
from snowmelt.viz.plots.density_plot import draw_density
from snowmelt.viz.plots.plane_panels import bare, note, tallness
from snowmelt.viz.style import BLUE, INK, styled

_SIDE = 2.5  # inches of a panel
_LONGEST = 0.92  # of the way to the next point
_LONG = 0.95  # the share of the first field's arrows that are not cut


@styled
def fields(
    rows: Sequence[Sequence[VectorField]],
    row_titles: Sequence[str],
    column_titles: Sequence[str],
    rasters: Sequence[Raster] | None = None,
) -> Figure:
    """A grid of fields; the first of each row sets the scale of its arrows.

    Args:
        rows: equally many fields each: noise levels down, what is compared across.
        row_titles, column_titles: one for each.
        rasters: a density behind each row; it says what part of the plane is shown.

    Raises:
        ValueError: numbers of rows, columns, titles and rasters that do not fit.
    """
    _require(rows, row_titles, column_titles, rasters)
    extents = [
        _around(row) if rasters is None else rasters[index].extent
        for index, row in enumerate(rows)
    ]
    tall = max(map(tallness, extents))
    size = (_SIDE * len(column_titles) + 1.2, _SIDE * tall * len(rows) + 0.3)
    figure = Figure(figsize=size)
    grid = figure.subplots(len(rows), len(column_titles), squeeze=False)
    for index, (row, extent) in enumerate(zip(rows, extents, strict=True)):
        longest = scale(row[0])
        for axes, field in zip(grid[index], row, strict=True):
            bare(axes, extent)
            if rasters is not None:
                draw_density(axes, rasters[index].at(0), rasters[index].extent)
            draw_arrows(axes, field, longest)
        key = f"arrows:\nfull {longest:.2g}\nhalf {longest / 4:.2g}"
        label = f"{row_titles[index]}\n\n{key}"
        grid[index, 0].set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8)
    for axes, title in zip(grid[0], column_titles, strict=True):
        axes.set_title(title)
    return figure


def scale(field: VectorField) -> float:
    """What the longest arrow stands for: nineteen in twenty are not longer."""
    lengths = field.lengths()
    lengths = lengths[np.isfinite(lengths) & (lengths > 0)]
    return float(np.quantile(lengths, _LONG)) if len(lengths) else 1.0


def draw_arrows(axes: Axes, field: VectorField, longest: float) -> None:
    """Draw a field into axes; `longest` is what an arrow of full length stands for."""
    lengths = field.lengths()
    keep = np.isfinite(lengths) & np.isfinite(field.points).all(axis=1)
    points, lengths = field.points[keep], lengths[keep]
    drawn = np.sqrt(np.minimum(lengths / longest, 1.0)) * _LONGEST * _spacing(field.points)
    unit = field.vectors[keep] / np.where(lengths > 0, lengths, 1.0)[:, None]
    arrows = unit * drawn[:, None]
    axes.quiver(
        *points.T,
        *arrows.T,
        color=np.where(lengths > longest, INK, BLUE),
        angles="xy",
        scale_units="xy",
        scale=1.0,
        pivot="mid",
        width=0.0065,
        headwidth=3.8,
        headlength=4.4,
        headaxislength=3.9,
        minlength=0.4,
        zorder=2.0,
    )
    note(axes, f"rms {field.rms():.2g}", side="right")


def _spacing(points: NDArray[np.floating]) -> float:
    """How far it is from a point to the next, as a rule."""
    places = np.unique(points[np.isfinite(points).all(axis=1)], axis=0)
    if len(places) < 2:
        return 1.0
    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))


def _around(row: Sequence[VectorField]) -> Extent:
    """The rectangle of all points, with room for the outermost arrows."""
    points = np.concatenate([field.points for field in row])
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return -1.0, 1.0, -1.0, 1.0
    room = 0.7 * _spacing(points)
    (left, bottom), (right, top) = points.min(axis=0) - room, points.max(axis=0) + room
    return float(left), float(right), float(bottom), float(top)


def _require(
    rows: Sequence[Sequence[VectorField]],
    row_titles: Sequence[str],
    column_titles: Sequence[str],
    rasters: Sequence[Raster] | None,
) -> None:
    """Refuse a grid that is not one."""
    counts = [len(row) for row in rows]
    if not counts or set(counts) != {len(column_titles)} or not column_titles:
        raise ValueError(
            f"each row needs one field a column title, got {counts} fields for"
            f" {len(column_titles)} titles"
        )
    if len(row_titles) != len(rows) or len(rasters or rows) != len(rows):
        raise ValueError(
            f"each of {len(rows)} rows needs a title, and a raster where there are any, got"
            f" {len(row_titles)} titles and"
            f" {'no' if rasters is None else len(rasters)} rasters"
        )
