"""The classes of samples: how often each comes, and how far it is from real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.viz.style import BLUE, VERMILLION, new_axes, styled

MOST = 40  # classes; more have no room for their names
Columns = Mapping[str, NDArray[Any]]


def shown(columns: Columns) -> NDArray[np.int64]:
    """The rows of the table that are drawn: all, or those whose shares are furthest off."""
    count = len(columns["class"])
    if count <= MOST:
        return np.arange(count)
    off = np.abs(columns["share"] - columns["expected_share"])
    return np.sort(np.argsort(-np.nan_to_num(off), kind="stable")[:MOST])


@styled
def class_shares(columns: Columns) -> Figure:
    """Shares with their intervals beside what is due, and distances beside their floors.

    Args:
        columns: of by_class.csv.
    """
    rows = shown(columns)
    has_shares = bool(np.isfinite(columns["share"][rows]).any())
    has_distances = bool(np.isfinite(columns["distance"][rows]).any())
    panels: list[Any] = [_draw_shares] * has_shares + [_draw_distances] * has_distances
    figure, axes = new_axes(9.2, 1.0 + 0.24 * len(rows), max(1, len(panels)))
    for panel, draw in zip(axes, panels, strict=False):
        draw(panel, columns, rows)
        panel.set_yticks(range(len(rows)), [_short(n) for n in columns["class"][rows]])
        panel.set_ylim(len(rows) - 0.4, -0.6)
        panel.grid(axis="y", visible=False)
        panel.set_xlim(left=min(0.0, panel.get_xlim()[0]))
    return figure


def _draw_shares(axes: Axes, columns: Columns, rows: NDArray[np.int64]) -> None:
    share = 100 * columns["share"][rows]
    low, high = (100 * columns[f"share_{end}"][rows] for end in ("low", "high"))
    _dots(axes, share, np.stack([share - low, high - share]))
    _marks(axes, 100 * columns["expected_share"][rows])
    axes.set(title="share of the samples", xlabel="per cent; ┆ due; bars: 95 %")


def _draw_distances(axes: Axes, columns: Columns, rows: NDArray[np.int64]) -> None:
    errors = np.nan_to_num(1.96 * columns["distance_se"][rows])
    _dots(axes, columns["distance"][rows], errors)
    _marks(axes, columns["floor"][rows])
    axes.set(title="kernel distance", xlabel="of each class; ┆ real examples; bars: 95 %")


def _dots(axes: Axes, values: NDArray[Any], reach: NDArray[Any]) -> None:
    places = np.arange(len(values))
    look: dict[str, Any] = {"color": BLUE, "markersize": 5, "capsize": 2, "elinewidth": 1.2}
    axes.errorbar(values, places, xerr=reach, fmt="o", **look)


def _marks(axes: Axes, values: NDArray[Any]) -> None:
    places = np.arange(len(values))
    axes.scatter(values, places, marker="|", s=90, color=VERMILLION, linewidth=1.8)


def _short(name: str, most: int = 24) -> str:
    # A dollar would begin a formula.
    text = str(name).replace("$", r"\$")
    return text if len(text) <= most else f"{text[: most - 1]}…"
