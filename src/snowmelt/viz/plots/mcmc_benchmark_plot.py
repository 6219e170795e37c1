"""Chains against diffusion: how near, in which mode, and by which way.

A column for each start of the chains. From top to bottom: the distance from the truth, the
weight of the left mode where there are modes, and below them the ways of a few points.
Chains are drawn with full marks, diffusion with open ones, a learned score in ink; a gray
print tells them by marks and lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.viz.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    PURPLE,
    RULE,
    SKY,
    VERMILLION,
    styled,
)

Values = NDArray[np.float64]
CHAIN, EXACT, LEARNED = "chain", "exact", "learned"
WIDTH, ROW = 9.6, 3.0
_LOWEST = 0.4  # of the floor, where the axis of distances ends
_COLORS = {
    CHAIN: (ORANGE, VERMILLION, PURPLE, "#8a5a00"),
    EXACT: (BLUE, SKY, GREEN, "#00429d"),
    LEARNED: (INK, MUTED),
}
_MARKERS = {CHAIN: "o^sD", EXACT: "o^sD", LEARNED: "Xv"}
_LINES = {CHAIN: "-", EXACT: "--", LEARNED: ":"}


@dataclass(frozen=True)
class Curve:
    """One method from one start.

    Attributes:
        kind: `CHAIN`, `EXACT` or `LEARNED`.
        start: of a chain; anything else is drawn beside every start.
        evaluations, distances, spread: (K,), rising; the spread is a standard deviation.
        weights: (K,), of the left mode, or None.
    """

    label: str
    kind: str
    start: str
    evaluations: Values
    distances: Values
    spread: Values
    weights: Values | None


@dataclass(frozen=True)
class Band:
    """What true clouds get: a mean, and a standard deviation to both sides."""

    mean: float
    spread: float


@dataclass(frozen=True)
class Way:
    """The first coordinate of a few points on their way.

    Attributes:
        evaluations: (K,), states: (K, N).
        unit: what the evaluations are called.
    """

    title: str
    evaluations: Values
    states: Values
    unit: str


@styled
def mcmc_figure(
    curves: Sequence[Curve],
    floor: Band,
    weight: Band | None,
    ways: Sequence[Way],
    title: str,
) -> Figure:
    """The whole picture.

    Args:
        weight: of the left mode, in true clouds; None where there are no modes.
        ways: two, one for each column.
    """
    starts = list(dict.fromkeys(c.start for c in curves if c.kind == CHAIN)) or [""]
    rows = 1 + (weight is not None) + bool(ways)
    figure = Figure(figsize=(WIDTH, ROW * rows + 1.1))
    figure.set_dpi(120)
    panels = figure.subplots(rows, 2, squeeze=False)
    looks = _looks(curves)
    for column in range(2):
        if column >= len(starts):
            for axes in panels[: rows - bool(ways), column]:
                axes.set_visible(False)
            continue
        shown = [c for c in curves if c.kind != CHAIN or c.start == starts[column]]
        _distances(panels[0, column], shown, floor, looks, starts[column])
        if weight is not None:
            _weights(panels[1, column], shown, weight, looks, starts[column])
    for row in panels[: rows - bool(ways)]:
        _share_height(row)
    for axes, way in zip(panels[-1], ways, strict=False):
        _way(axes, way)
    if ways:
        _share_height(panels[-1][: len(ways)])
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, handlelength=3.2)
    return figure


def _looks(curves: Sequence[Curve]) -> dict[str, dict[str, Any]]:
    """How the line of each label is drawn: the same from every start."""
    looks: dict[str, dict[str, Any]] = {}
    counts = dict.fromkeys(_COLORS, 0)
    for curve in curves:
        if curve.label in looks:
            continue
        number, kind = counts[curve.kind], curve.kind
        color = _COLORS[kind][number % len(_COLORS[kind])]
        looks[curve.label] = {
            "color": color,
            "marker": _MARKERS[kind][number % len(_MARKERS[kind])],
            "linestyle": _LINES[kind],
            "markerfacecolor": PAPER if kind == EXACT else color,
            "markersize": 5.5,
            "linewidth": 1.5,
        }
        counts[kind] += 1
    return looks


def _distances(
    axes: Axes,
    curves: Sequence[Curve],
    floor: Band,
    looks: dict[str, dict[str, Any]],
    start: str,
) -> None:
    for curve in curves:
        axes.errorbar(
            curve.evaluations, curve.distances, curve.spread, label=curve.label,
            elinewidth=0.9, **looks[curve.label],
        )  # fmt: skip
    _band(axes, floor, "two true clouds")
    axes.set(xscale="log", yscale="log", xlabel="evaluations a point")
    axes.set_ylabel("Wasserstein distance")
    # A mean less its spread may be next to nothing, which is no news on a log axis.
    axes.set_ylim(bottom=_LOWEST * floor.mean)
    axes.set_title(f"distance; chains start from {start}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.xaxis.set_minor_formatter("")


def _weights(
    axes: Axes,
    curves: Sequence[Curve],
    weight: Band,
    looks: dict[str, dict[str, Any]],
    start: str,
) -> None:
    for curve in curves:
        if curve.weights is not None:
            axes.plot(curve.evaluations, curve.weights, **looks[curve.label])
    _band(axes, weight, "")
    axes.set(xscale="log", xlabel="evaluations a point", ylabel="weight")
    axes.xaxis.set_minor_formatter("")
    axes.set_title(f"weight of the left mode; from {start}")


def _band(axes: Axes, band: Band, label: str) -> None:
    """A floor to be reached; on a log axis it keeps above zero."""
    low = max(band.mean - band.spread, 0.2 * band.mean)
    axes.axhspan(low, band.mean + band.spread, color=RULE, zorder=0.5, label=label or None)
    axes.axhline(band.mean, color=MUTED, linewidth=1.0, zorder=0.6)


def _way(axes: Axes, way: Way) -> None:
    """A line a point; a dot where it ends."""
    color = VERMILLION if way.unit == "evaluations" else BLUE
    axes.plot(way.evaluations, way.states, color=color, linewidth=0.8, alpha=0.75)
    ends = np.full(way.states.shape[1], way.evaluations[-1])
    axes.plot(ends, way.states[-1], "o", color=color, markersize=4, clip_on=False)
    axes.set(xlabel=way.unit, ylabel="first coordinate")
    axes.set_title(way.title)
    axes.margins(x=0)


def _share_height(row: Sequence[Axes]) -> None:
    """The same limits on every panel of a row."""
    visible = [axes for axes in row if axes.get_visible()]
    limits = [axes.get_ylim() for axes in visible]
    for axes in visible:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
