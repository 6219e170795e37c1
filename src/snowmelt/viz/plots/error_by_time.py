"""How far the states of a flow are from true ones, from the start to the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.viz.style import BLUE, VERMILLION, new_axes, styled

Columns = Mapping[str, NDArray[np.float64]]
_LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "true": (
        "true pairs",
        {"color": VERMILLION, "linestyle": "--", "marker": "s", "markersize": 3.5},
    ),
    "carried": ("flow", {"color": BLUE, "marker": "o", "markersize": 4}),
}


@styled
def error_by_time(columns: Columns) -> Figure:
    """The distance of carried states as a solid line, that of true ones as a dashed one.

    Time runs from left to right as the flow does, from the start to the data. Bands are of
    one standard error, where it is known.

    Args:
        columns: `share` of the way to the start, `carried`, `true` and their standard
            errors, `carried_se` and `true_se`, equally long.
    """
    figure, (axes,) = new_axes(7.2, 3.6)
    way = 1.0 - columns["share"]
    for name, (label, look) in _LOOKS.items():
        value, error = columns[name], columns[f"{name}_se"]
        if np.isfinite(error).all():
            low = np.maximum(value - error, 0.0)
            axes.fill_between(
                way, low, value + error, color=look["color"], alpha=0.2, linewidth=0
            )
        axes.plot(way, value, label=label, **look)
    axes.set(
        xlabel="share of the way (start on the left, data on the right)",
        ylabel="W2 from true states",
        title="error by time",
    )
    axes.set_ylim(bottom=0.0)
    axes.legend()
    return figure
