"""The ranking metric of every job against what it cost, a panel for each kind of cost."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from snowmelt.viz.plots.seed_bands import HEIGHT, WIDTH
from snowmelt.viz.style import MARKERS, MUTED, VERMILLION, new_axes, series, styled

_WIDE = 8  # times as much is shown on a logarithmic axis
_LETTERS = 44  # of a line of the title
_ROOM = 0.04  # of an axis, beyond the marks, which are near each other and far from 0


@dataclass(frozen=True)
class Spent:
    """The jobs of one setting.

    Attributes:
        label: its name.
        cost: (S), of each job.
        distance: (S), likewise.
        place: of its colour.
        family: settings of one family differ in what they spend alone; a line joins them.
    """

    label: str
    cost: Sequence[float]
    distance: Sequence[float]
    place: int
    family: str = ""


@styled
def distance_by_cost(
    spent: Sequence[Spent], *, x: str, y: str, title: str, floor: float | None = None
) -> Figure:
    """Faint dots for jobs, strong ones for means over seeds.

    Args:
        floor: what a perfect model gets.
    """
    figure, (axes,) = new_axes(WIDTH, HEIGHT)
    for one in spent:
        color = series(one.place)["color"]
        marker = MARKERS[one.place % len(MARKERS)]
        axes.scatter(one.cost, one.distance, s=14, color=color, alpha=0.5, marker=marker)
        mean = np.mean(one.cost), np.mean(one.distance)
        axes.plot(
            *mean, marker=marker, markersize=8, color=color, linestyle="", label=one.label
        )
    for name in dict.fromkeys(one.family for one in spent):
        some = [one for one in spent if one.family == name]
        means = sorted((float(np.mean(o.cost)), float(np.mean(o.distance))) for o in some)
        if len(means) > 1:
            axes.plot(*zip(*means, strict=True), color=MUTED, linewidth=1.0, zorder=1)
    if floor is not None:
        axes.axhline(floor, color=VERMILLION, linestyle="--", linewidth=1.4)
        axes.annotate(
            "a perfect model", (0, floor), xycoords=("axes fraction", "data"),
            xytext=(4, 4), textcoords="offset points", fontsize=8.5, color=VERMILLION,
        )  # fmt: skip
    costs = [cost for one in spent for cost in one.cost]
    if min(costs) > 0 and max(costs) > _WIDE * min(costs):
        axes.set_xscale("log")
    else:
        axes.set_xlim(0, (1.0 + _ROOM) * axes.get_xlim()[1])
    low, high = axes.get_ylim()
    low = min(0.0, low)
    axes.set_ylim(low, high + _ROOM * (high - low))
    axes.set(xlabel=x, ylabel=y)
    axes.set_title(textwrap.fill(title, _LETTERS))
    axes.legend()
    return figure
