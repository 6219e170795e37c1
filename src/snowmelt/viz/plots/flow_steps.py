"""The error of a flow against the number of Euler's steps that it is walked in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from snowmelt.viz.style import MARKERS, MUTED, new_axes, series, styled


@dataclass(frozen=True)
class StepCurve:
    """The error of one kind of way.

    Attributes:
        name: in the legend; empty for none.
        steps: numbers of steps, rising.
        errors: what is left of the error with so many.
    """

    name: str
    steps: Sequence[int]
    errors: Sequence[float]


@styled
def flow_steps_figure(
    curves: Sequence[StepCurve],
    *,
    x: str = "Euler's steps",
    y: str,
    floor: float | None = None,
    floor_name: str = "",
    title: str = "",
) -> Figure:
    """A curve for each kind of way; both axes are logarithmic.

    Args:
        x, y: what the abscissas and the errors are.
        floor: below what nothing can be seen, if there is such a value.
        floor_name: where it comes from.

    Raises:
        ValueError: there are no curves.
    """
    if not curves:
        raise ValueError("there are no curves to draw")
    figure, (axes,) = new_axes(7.2, 3.6)
    for place, curve in enumerate(curves):
        marker = MARKERS[place % len(MARKERS)]
        axes.plot(
            curve.steps,
            curve.errors,
            label=curve.name or None,
            marker=marker,
            markersize=5,
            **series(place),
        )
    if floor is not None:
        axes.axhline(floor, color=MUTED, linestyle=":", linewidth=1.4, label=floor_name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    every = sorted({count for curve in curves for count in curve.steps})
    axes.set_xticks(every, [str(count) for count in every])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.set(xlabel=x, ylabel=y)
    axes.set_title(title)
    if any(curve.name for curve in curves) or floor is not None:
        axes.legend()
    return figure
