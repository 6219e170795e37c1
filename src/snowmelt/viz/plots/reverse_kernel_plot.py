r"""Exact and normal reverse kernels, and their divergence by the length of a step.

Panels show the exact law of the state at an earlier time beside the normal law of the same
mean and covariance, from one state, for steps of less and less length. Beside them stands
what the normal steps lose over the whole path, with the power of the number of steps that
it falls by at the end, and dotted lines of the slopes that theory gives for many steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from snowmelt.evaluation.plane.plane_arrays import KernelPair, PathCurve
from snowmelt.viz.plots.density_plot import DEEP
from snowmelt.viz.style import BLUE, INK, MARKERS, MUTED, PAPER, SERIES, styled

_EXACT_FILL, _EXACT_EDGE = DEEP(3), DEEP(8)
# The slopes of a width that does not look at the state, and of the right width.
GUIDES = (-1, -2)


@styled
def reverse_kernel_figure(
    pairs: Sequence[KernelPair], curves: Sequence[PathCurve], note: str = ""
) -> Figure:
    """Two rows of panels of kernels, and the curves of their divergence to the right.

    Args:
        pairs: one panel each, in pairs from above.
        note: what the panels start from, above them.

    Raises:
        ValueError: no pairs or no curves.
    """
    if not pairs or not curves:
        raise ValueError("at least one pair of kernels and one curve are needed")
    columns = (len(pairs) + 1) // 2
    figure = Figure(figsize=(2.9 * columns + 5.0, 5.4))
    ratios = [2.9 * columns, 5.0]
    parts = figure.subfigures(1, 2, squeeze=False, width_ratios=ratios, wspace=0.02)
    left, right = parts[0]
    rows = min(2, len(pairs))
    axes = left.subplots(rows, columns, squeeze=False, sharex=True)
    for axis, pair in zip(axes.flat, pairs, strict=False):
        _draw_pair(axis, pair)
    for axis in axes.flat[len(pairs) :]:
        axis.set_axis_off()
    for axis in axes[-1]:
        axis.set_xlabel("state at the earlier time")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    left.legend(handles, labels, loc="outside upper left", ncols=3)
    if note:
        left.supxlabel(note, fontsize=9, color=MUTED, x=0.02, ha="left")
    _draw_curves(right.subplots(), curves)
    return figure


def _draw_pair(axes: Axes, pair: KernelPair) -> None:
    name = "normal, of the same mean and width"
    axes.fill_between(
        pair.places, pair.exact, color=_EXACT_FILL, linewidth=0, label="exact"
    )
    axes.plot(pair.places, pair.exact, color=_EXACT_EDGE, linewidth=0.9)
    axes.plot(pair.places, pair.normal, color=BLUE, linewidth=2.0, label=name)
    axes.axvline(
        pair.start, ymax=0.8, color=INK, linestyle=":", linewidth=1.2, label="starts here"
    )
    top = 1.42 * max(float(pair.exact.max()), float(pair.normal.max()))
    axes.set(xlim=(pair.places[0], pair.places[-1]), ylim=(0, top))
    axes.yaxis.set_major_locator(NullLocator())
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_title(pair.title)
    text = f"apart by {_nats(pair.divergence)} nats"
    axes.text(0.02, 0.97, text, transform=axes.transAxes, va="top", color=MUTED, fontsize=9)


def _draw_curves(axes: Axes, curves: Sequence[PathCurve]) -> None:
    for number, curve in enumerate(curves):
        color = SERIES[number % len(SERIES)]
        look = {"marker": MARKERS[number % len(MARKERS)], "markeredgecolor": PAPER}
        axes.loglog(curve.steps, curve.divergences, color=color, markersize=7, **look)
        name = f"{curve.name}\nhere as $T^{{{curve.order:.2f}}}$"
        end = float(curve.steps[-1]), float(curve.divergences[-1])
        axes.annotate(
            name, end, xytext=(8, 0), textcoords="offset points", va="center",
            color=color, fontsize=9,
        )  # fmt: skip
    _draw_guides(axes, curves)
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    axes.xaxis.set_major_locator(FixedLocator(list(steps)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{step:g}" for step in steps])
    # Room for the names to the right of the last point.
    axes.set_xlim(float(steps[0]) / 1.3, float(steps[-1]) * (steps[-1] / steps[0]) ** 0.62)
    axes.set_title("What normal steps lose over a whole path", color=INK)
    axes.set(xlabel="steps T", ylabel="divergence, sum over the steps, nats")


def _draw_guides(axes: Axes, curves: Sequence[PathCurve]) -> None:
    """A line of each slope: through the highest end the flat one, the lowest the steep."""
    ends = sorted(curves, key=lambda curve: -curve.divergences[-1])
    limits = axes.get_ylim()
    for power, curve in zip(GUIDES, (ends[0], ends[-1]), strict=True):
        line = curve.divergences[-1] * (curve.steps / curve.steps[-1]) ** power
        axes.plot(curve.steps, line, color=MUTED, linestyle=":", linewidth=1.2, zorder=1)
        place = float(curve.steps[-2]), float(line[-2])
        axes.annotate(
            f"$T^{{{power}}}$", place, xytext=(-4, -4), textcoords="offset points",
            ha="right", va="top", color=MUTED, fontsize=9,
        )  # fmt: skip
    axes.set_ylim(limits)


def _nats(value: float) -> str:
    """Two digits, never in powers of ten."""
    if value < 1e-4:
        return "less than 0.0001"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
