"""The figure of the MCMC benchmark: distance, mode weight and paths of a few points.

Each start of the chains has a column. From top to bottom: the distance to true draws, the
weight of the left mode where there are modes, and the paths of a few points. Chains have
filled markers, diffusion open ones and a learned score black ones, so that markers and line
styles distinguish the methods in a grey print too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.evaluation.mcmc_benchmark.benchmark import Trace
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
# Families of methods, by the names that the benchmark gives them.
CHAIN, EXACT, LEARNED = "chain", "exact score", "learned score"
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
        family: `CHAIN`, `EXACT` or `LEARNED`.
        start: of a chain; anything else is drawn beside every start.
        evaluations, distances, spread: (K,), rising; the spread is a standard deviation.
        weights: (K,), of the left mode, or None.
    """

    label: str
    family: str
    start: str
    evaluations: Values
    distances: Values
    spread: Values
    weights: Values | None


@dataclass(frozen=True)
class Band:
    """Mean and standard deviation over pairs of true clouds."""

    mean: float
    spread: float


@styled
def mcmc_figure(
    curves: Sequence[Curve],
    floor: Band,
    weight: Band | None,
    traces: Sequence[Trace],
    title: str,
) -> Figure:
    """The figure of the benchmark on one density.

    Args:
        weight: of the left mode, in true clouds; None where there are no modes.
        traces: two, one for each column, or none.
    """
    starts = list(dict.fromkeys(c.start for c in curves if c.family == CHAIN)) or [""]
    curve_rows = 1 + (weight is not None)
    rows = curve_rows + bool(traces)
    figure = Figure(figsize=(WIDTH, ROW * rows + 1.1))
    figure.set_dpi(120)
    panels = figure.subplots(rows, 2, squeeze=False)
    styles = _line_styles(curves)
    for column in range(2):
        if column >= len(starts):
            for axes in panels[:curve_rows, column]:
                axes.set_visible(False)
            continue
        shown = [c for c in curves if c.family != CHAIN or c.start == starts[column]]
        _distances(panels[0, column], shown, floor, styles, starts[column])
        if weight is not None:
            _weights(panels[1, column], shown, weight, styles, starts[column])
    for row in panels[:curve_rows]:
        _share_height(row)
    for axes, trace in zip(panels[-1], traces, strict=False):
        _draw_path(axes, trace)
    if traces:
        _share_height(panels[-1][: len(traces)])
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, handlelength=3.2)
    return figure


def _line_styles(curves: Sequence[Curve]) -> dict[str, dict[str, Any]]:
    """The line style of each label, the same for every start."""
    styles: dict[str, dict[str, Any]] = {}
    counts = dict.fromkeys(_COLORS, 0)
    for curve in curves:
        if curve.label in styles:
            continue
        number, kind = counts[curve.family], curve.family
        color = _COLORS[kind][number % len(_COLORS[kind])]
        styles[curve.label] = {
            "color": color,
            "marker": _MARKERS[kind][number % len(_MARKERS[kind])],
            "linestyle": _LINES[kind],
            "markerfacecolor": PAPER if kind == EXACT else color,
            "markersize": 5.5,
            "linewidth": 1.5,
        }
        counts[kind] += 1
    return styles


def _distances(
    axes: Axes,
    curves: Sequence[Curve],
    floor: Band,
    styles: dict[str, dict[str, Any]],
    start: str,
) -> None:
    for curve in curves:
        axes.errorbar(
            curve.evaluations, curve.distances, curve.spread, label=curve.label,
            elinewidth=0.9, **styles[curve.label],
        )  # fmt: skip
    _band(axes, floor, "two true clouds")
    axes.set(xscale="log", yscale="log", xlabel="evaluations a point")
    axes.set_ylabel("Wasserstein distance")
    # A mean less its spread may be near zero, which would stretch the log axis.
    axes.set_ylim(bottom=_LOWEST * floor.mean)
    axes.set_title(f"distance; chains start from {start}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.xaxis.set_minor_formatter("")


def _weights(
    axes: Axes,
    curves: Sequence[Curve],
    weight: Band,
    styles: dict[str, dict[str, Any]],
    start: str,
) -> None:
    for curve in curves:
        if curve.weights is not None:
            axes.plot(curve.evaluations, curve.weights, **styles[curve.label])
    _band(axes, weight, "")
    axes.set(xscale="log", xlabel="evaluations a point", ylabel="weight")
    axes.xaxis.set_minor_formatter("")
    axes.set_title(f"weight of the left mode; from {start}")


def _band(axes: Axes, band: Band, label: str) -> None:
    """Draw the floor; its lower edge stays above zero for a log axis."""
    low = max(band.mean - band.spread, 0.2 * band.mean)
    axes.axhspan(low, band.mean + band.spread, color=RULE, zorder=0.5, label=label or None)
    axes.axhline(band.mean, color=MUTED, linewidth=1.0, zorder=0.6)


def _draw_path(axes: Axes, trace: Trace) -> None:
    """Draw a line for each point, with a dot at its end."""
    unit = "evaluations" if trace.is_chain else "calls of the denoiser, noise to data"
    color = VERMILLION if trace.is_chain else BLUE
    axes.plot(trace.evaluations, trace.states, color=color, linewidth=0.8, alpha=0.75)
    ends = np.full(trace.states.shape[1], trace.evaluations[-1])
    axes.plot(ends, trace.states[-1], "o", color=color, markersize=4, clip_on=False)
    axes.set(xlabel=unit, ylabel="first coordinate")
    axes.set_title(trace.title)
    axes.margins(x=0)


def _share_height(row: Sequence[Axes]) -> None:
    """The same limits on every panel of a row."""
    visible = [axes for axes in row if axes.get_visible()]
    limits = [axes.get_ylim() for axes in visible]
    for axes in visible:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
