"""Curves of settings: the mean over seeds as a line, lowest to highest as a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.viz.style import MARKERS, MUTED, new_axes, series, styled

Curve = NDArray[np.float64]
WIDTH, HEIGHT = 5.4, 3.7  # inches: legible on a telephone, and two beside each other
_FEW = 20  # points of a line that are marked


@dataclass(frozen=True)
class Band:
    """The curves of one setting.

    Attributes:
        label: its name.
        x: (N).
        values: (S, N), a line for each seed; NaN where one was not measured.
        place: of its colour and its line.
    """

    label: str
    x: Curve
    values: Curve
    place: int


@styled
def seed_bands(
    curves: Sequence[Band],
    *,
    x: str,
    y: str,
    title: str,
    is_logarithmic: bool = False,
    level: float | None = None,
) -> Figure:
    """Lines with bands, and a legend.

    Args:
        curves: at least one.
        is_logarithmic: whether the y-axis is.
        level: a line across, like 1 for ratios.
    """
    figure, (axes,) = new_axes(WIDTH, HEIGHT)
    if level is not None:
        axes.axhline(level, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    for one in curves:
        known = np.isfinite(one.values).any(axis=0)
        at, values = one.x[known], one.values[:, known]
        look = series(one.place)
        marker = MARKERS[one.place % len(MARKERS)] if len(at) <= _FEW else ""
        mean = np.nanmean(values, axis=0)
        axes.plot(at, mean, label=one.label, marker=marker, markersize=4, **look)
        if len(values) > 1:
            low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
            axes.fill_between(at, low, high, color=look["color"], alpha=0.2, linewidth=0)
    if is_logarithmic:
        axes.set_yscale("log")
    axes.set(xlabel=x, ylabel=y)
    axes.set_title(title)
    axes.legend()
    return figure


def falls_far(curves: Sequence[Band]) -> bool:
    """Whether the values span so much that a logarithmic axis shows them better."""
    known = np.concatenate([one.values[np.isfinite(one.values)] for one in curves])
    return bool(len(known)) and known.min() > 0 and known.max() > 8 * known.min()
