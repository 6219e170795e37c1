"""The figure of quality against cost: distance over evaluations, a line for each sampler.

A filled marker was shown to be equivalent to the reference, an open one is not known, and a
cross is different. The bands are what a perfect model gets, and the reference with the
margin within which others are equivalent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from snowmelt.evaluation.comparison.equivalence import Answer
from snowmelt.evaluation.comparison.sampling_cost import Sampling, SamplingCost
from snowmelt.viz.style import (
    INK,
    LINES,
    MARKERS,
    MUTED,
    PAPER,
    RULE,
    SERIES,
    SKY,
    new_axes,
    styled,
)

_LOWEST = 0.5  # of the floor, below which no band is drawn: it may reach zero

Cost = Callable[[Sampling], float | None]


@styled
def sampling_cost_figure(cost: SamplingCost) -> Figure:
    """Distance over evaluations of the network and, where it is known, over time."""
    figure, panels = new_axes(9.6, 4.8, 1 + cost.is_timed)
    figure.set_dpi(120)
    _panel(panels[0], cost, lambda one: one.evaluations)
    panels[0].set(xlabel="evaluations of the network, a sample", ylabel=cost.metric_label)
    if cost.is_timed:
        _panel(panels[1], cost, lambda one: one.seconds and 1000 * one.seconds / one.count)
        panels[1].set(xlabel="milliseconds, a sample")
        panels[1].sharey(panels[0])
    title = f"quality against cost of sampling, n = {cost.n:,}"
    title += f" ({cost.training})" if cost.training else ""
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    handles, labels = panels[0].get_legend_handles_labels()
    keys = _answers()
    figure.legend(
        [*handles, *keys], [*labels, *(str(key.get_label()) for key in keys)],
        loc="outside lower center", ncols=5, handlelength=3.0,
    )  # fmt: skip
    return figure


def _panel(axes: Axes, cost: SamplingCost, of: Cost) -> None:
    names = list(dict.fromkeys(one.sampler for one in cost.all))
    for place, name in enumerate(names):
        chosen = [one for one in cost.all if one.sampler == name and of(one)]
        _line(axes, sorted(chosen, key=lambda one: of(one) or 0.0), of, place)
    _bands(axes, cost)
    axes.set(xscale="log", yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(axis="y", which="minor", labelsize=7)


def _line(axes: Axes, drawn: Sequence[Sampling], of: Cost, place: int) -> None:
    """One sampler; its marker says what the tests answered."""
    if not drawn:
        return
    turn = place + place // len(SERIES)  # after six, colours meet other markers
    color, marker = SERIES[place % len(SERIES)], MARKERS[turn % len(MARKERS)]
    x = [of(one) or 0.0 for one in drawn]
    y = [one.distance.value for one in drawn]
    errors = [one.distance.half_width or 0.0 for one in drawn]
    axes.errorbar(
        x, y, errors, color=color, linestyle=LINES[turn % len(LINES)], linewidth=1.4,
        elinewidth=0.9, marker=marker, markersize=0, label=drawn[0].sampler,
    )  # fmt: skip
    for one, at, value in zip(drawn, x, y, strict=True):
        is_open = one.answer is Answer.UNKNOWN
        axes.plot(
            at, value, color=color, linestyle="", markersize=6.5,
            marker="x" if one.answer is Answer.DIFFERENT else marker,
            markerfacecolor=PAPER if is_open else color,
        )  # fmt: skip


def _bands(axes: Axes, cost: SamplingCost) -> None:
    """What a perfect model gets, and what is equivalent to the reference."""
    chain, floor = cost.reference.distance.value, cost.floor
    low, high = (chain * (1 + side * cost.margin) for side in (-1, 1))
    axes.axhspan(
        low, high, color=SKY, alpha=0.25, zorder=0.4,
        label=f"{cost.reference.label}, ±{cost.margin:.0%}",
    )  # fmt: skip
    axes.axhline(chain, color=SKY, linewidth=1.0, zorder=0.5)
    if floor is None or floor.value <= 0:
        return
    half = floor.half_width or 0.0
    bottom = max(floor.value - half, _LOWEST * floor.value)
    axes.axhspan(
        bottom, floor.value + half, color=RULE, alpha=0.6, zorder=0.2,
        label="a perfect model",
    )  # fmt: skip
    axes.axhline(floor.value, color=MUTED, linewidth=1.0, linestyle="--", zorder=0.3)


def _answers() -> list[Line2D]:
    """What the markers mean."""
    look: dict[str, Any] = {"color": MUTED, "linestyle": "", "markersize": 6.5}
    return [
        Line2D([], [], marker="o", label=Answer.EQUIVALENT, **look),
        Line2D([], [], marker="o", label=Answer.UNKNOWN, markerfacecolor=PAPER, **look),
        Line2D([], [], marker="x", label=Answer.DIFFERENT, **look),
    ]
