"""Metrics of samples beside the floor that real data reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snowmelt.evaluation.catalogue.readings import Reading
from snowmelt.viz.style import BLUE, VERMILLION, styled


@styled
def metrics_with_floor(metrics: Sequence[Reading]) -> Figure:
    """A line for each metric: a dot with its error bar, and a dashed mark for real data."""
    figure = Figure(figsize=(9.2, 0.3 + 0.85 * len(metrics)))
    panels = figure.subplots(len(metrics), 1, squeeze=False)
    for axes, metric in zip(panels[:, 0], metrics, strict=True):
        _draw(axes, metric)
    return figure


def _draw(axes: Axes, metric: Reading) -> None:
    """One metric on its own axis, which starts at zero so that lengths can be compared."""
    look: dict[str, Any] = {"color": BLUE, "markersize": 8, "capsize": 4}
    axes.errorbar(metric.value, 0, xerr=metric.spread, fmt="o", clip_on=False, **look)
    reach = metric.spread or 0.0
    top, low = metric.value + reach, metric.value - reach
    if metric.floor is not None:
        axes.axvline(metric.floor, color=VERMILLION, linestyle="--", linewidth=1.6)
        reach = metric.floor_spread or 0.0
        if reach:
            band = (metric.floor - reach, metric.floor + reach)
            axes.axvspan(*band, color=VERMILLION, alpha=0.18, linewidth=0)
        top, low = max(top, metric.floor + reach), min(low, metric.floor - reach)
    left = min(0.0, 1.1 * low)
    right = 1.02 if metric.is_share else (1.12 * top or 1.0)
    axes.set(xlim=(left, right), ylim=(-0.5, 0.5), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.set_title(metric.label, fontsize=9.5)
    if metric.floor is not None:
        text = f"┆ {metric.floor_label}"
        axes.set_title(text, loc="right", fontsize=8.5, color=VERMILLION, weight="normal")
