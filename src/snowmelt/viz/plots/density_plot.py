r"""Densities in the plane: one moment, or several side by side.

A density is drawn in bands, as a map draws heights, of the tone

$$\tau(x) = \sqrt{q(x) / \max q}.$$

The root lifts the flanks, where a density spends most of its area, and the bands keep its
shape readable in a gray print. Each moment has a scale of its own, since the peak of the
data is often a hundred times as high as that of noise: tones say where, not how much.

The colours run from paper to brown and get darker all the way, so that they never depend
on hue. Where points lie on a density it keeps to the pale half of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.viz.plots.plane_panels import bare, grid_of_panels
from snowmelt.viz.style import PAPER, styled

_ANCHORS = (PAPER, "#f7ead0", "#eed3a2", "#e3b873", "#cd9048", "#9d5f28", "#5c3416")
_RAMP = LinearSegmentedColormap.from_list("density", _ANCHORS)
# The pale half ends where a blue and a vermillion dot still stand out in gray.
DEEP_TONES = [_RAMP(share)[:3] for share in np.linspace(0.0, 1.0, 12)]
PALE_TONES = [_RAMP(share)[:3] for share in np.linspace(0.0, 0.42, 8)]
DEEP = ListedColormap(DEEP_TONES, name="deep")
PALE = ListedColormap(PALE_TONES, name="pale")


@styled
def density_panels(raster: Raster, titles: Sequence[str], *, columns: int = 6) -> Figure:
    """The moments of a density in panels, one title each, at most `columns` in a row.

    Raises:
        ValueError: not as many titles as moments.
    """
    if len(titles) != len(raster.values):
        raise ValueError(
            f"one title a moment is needed, got {len(titles)} for values of the shape"
            f" {raster.values.shape}"
        )
    figure, panels = grid_of_panels(len(titles), raster.extent, columns=columns)
    for axes, values, title in zip(panels, raster.values, titles, strict=True):
        bare(axes, raster.extent)
        draw_density(axes, values, raster.extent, pale=False)
        axes.set_title(title, fontweight="normal")
    return figure


def tones(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """How dark each cell is, from 0 to 1 at the peak; what is no number is left white.

    Shapes:
        values: (H, W) -> (H, W)
    """
    density = np.asarray(values, dtype=np.float64)
    finite = density[np.isfinite(density)]
    peak = finite.max(initial=0.0)
    if peak <= 0.0:
        return np.zeros_like(density)
    height = np.nan_to_num(density / peak, nan=0.0, posinf=1.0, neginf=0.0)
    return np.sqrt(np.clip(height, 0.0, 1.0))


def draw_density(
    axes: Axes, values: NDArray[np.floating], extent: Extent, *, pale: bool = True
) -> AxesImage:
    """Draw a density into axes, below all else; their limits stay if they were set.

    Args:
        values: (H, W), the row of index 0 at the bottom.
        extent: left, right, bottom and top edge.
        pale: keep to the pale half of the colours, so that points may lie on it.
    """
    return axes.imshow(
        tones(values),
        cmap=PALE if pale else DEEP,
        vmin=0.0,
        vmax=1.0,
        extent=extent,
        origin="lower",
        aspect=axes.get_aspect(),
        interpolation="bilinear",
        interpolation_stage="data",  # edges of bands stay lines
        zorder=0.0,
    )
