"""Curves: training, noise schedules, and the loss at each noise level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.viz.style import BLUE, MUTED, PAPER, SKY, VERMILLION, new_axes, series, styled

Curve = NDArray[np.float64]
MOST_POINTS = 1000  # of one line; a page is not made longer by a longer training

SMALL_PANELS = {
    "learning_rate": "learning rate",
    "gradient_norm": "gradient norm",
    "examples_per_second": "examples a second",
}


def smoothed(values: Curve, share: float = 0.05) -> Curve:
    """The mean over a window of about `share` of the curve, centred, so without lag.

    At the start, where losses fall steeply, the window shrinks on both sides alike; at
    the end it only loses its right half, so that the last value is still a mean.
    """
    count = len(values)
    reach = round(share * count / 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(count)
    left = np.minimum(reach, at)
    right = np.minimum(left, count - 1 - at)
    return np.asarray((sums[at + right + 1] - sums[at - left]) / (left + right + 1))


@styled
def training_curves(columns: Mapping[str, Curve]) -> Figure:
    """The loss, large, beside learning rate, gradient norm and throughput.

    Args:
        columns: `step` and any of `loss`, `held_out_loss`, `learning_rate`,
            `gradient_norm`, `examples_per_second`, all of one length, NaN where a step
            has no value.
    """
    small = [name for name in SMALL_PANELS if np.isfinite(columns.get(name, [])).any()]
    figure = Figure(figsize=(9.2, 4.2))
    if not small:
        _draw_loss(figure.subplots(), columns)
        return figure
    grid = figure.add_gridspec(len(small), 2, width_ratios=[1.9, 1])
    _draw_loss(figure.add_subplot(grid[:, 0]), columns)
    for row, name in enumerate(small):
        axes = figure.add_subplot(grid[row, 1])
        step, values = _finite(columns["step"], columns[name])
        axes.plot(step, values, color=BLUE, linewidth=1.2, marker=_marker(step))
        axes.set_title(SMALL_PANELS[name], fontsize=9)
        axes.set_ylim(bottom=0)
        axes.tick_params(labelbottom=row == len(small) - 1)
    axes.set_xlabel("step")
    return figure


def _marker(step: Curve) -> str:
    """A dot where there is one value alone, which no line shows."""
    return "." if len(step) == 1 else ""


def _draw_loss(axes: Axes, columns: Mapping[str, Curve]) -> None:
    """Raw training loss faint, its mean strong, the held-out loss dashed with marks."""
    step = columns["step"]
    seen: list[Curve] = []
    if np.isfinite(columns.get("loss", [])).any():
        x, raw = _finite(step, columns["loss"])
        axes.plot(x, raw, color=BLUE, alpha=0.25, linewidth=0.8)
        axes.plot(
            x, smoothed(raw), color=BLUE, marker=_marker(x),
            label="training (smoothed; raw faint)",
        )  # fmt: skip
        seen.append(raw)
    if np.isfinite(columns.get("held_out_loss", [])).any():
        x, held_out = _finite(step, columns["held_out_loss"])
        marker = "s" if len(x) <= 60 else None
        axes.plot(
            x, held_out, "--", color=VERMILLION, marker=marker, markersize=3.5,
            label="held out",
        )  # fmt: skip
        seen.append(held_out)
    if seen:
        values = np.concatenate(seen)
        # One unlucky batch must not flatten the rest; a wide fall needs a log axis.
        if values.min() > 0 and values.max() > 8 * values.min():
            axes.set_yscale("log")
        axes.legend(loc="upper right")
    axes.set(xlabel="step", ylabel="loss", title="loss")


def _finite(step: Curve, values: Curve) -> tuple[Curve, Curve]:
    """The points that exist, at most `MOST_POINTS`, the first and the last among them."""
    chosen = np.flatnonzero(np.isfinite(values))
    if len(chosen) > MOST_POINTS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST_POINTS).round().astype(int)]
    return step[chosen], values[chosen]


@styled
def schedule_plot(curves: Mapping[str, tuple[Curve, Curve]]) -> Figure:
    r"""What noise schedules mean: $\log$ SNR, $\bar\alpha$ and $\sigma$ against $t$.

    In unit coordinates, which are those of a variance-preserving process,
    $\bar\alpha = 1 / (1 + e^{-\lambda})$ and $\sigma = \sqrt{1 - \bar\alpha}$.

    Args:
        curves: the name of each schedule with its `t` (N) and `log_snr` (N).
    """
    figure, (left, middle, right) = new_axes(9.2, 3.1, 3)
    for index, (name, (t, log_snr)) in enumerate(curves.items()):
        look = series(index)
        left.plot(t, log_snr, label=name, **look)
        middle.plot(t, 1 / (1 + np.exp(-log_snr)), **look)
        right.plot(t, np.sqrt(1 / (1 + np.exp(log_snr))), **look)
    left.set(xlabel="t", title=r"log SNR $\lambda(t)$")
    middle.set(xlabel="t", title=r"signal $\bar{\alpha}(t)$", ylim=(-0.03, 1.03))
    right.set(xlabel="t", title=r"noise $\sigma(t)$", ylim=(-0.03, 1.03))
    left.axhline(0.0, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    if curves:
        left.legend(loc="upper right")
    return figure


@styled
def loss_by_log_snr(
    edges: Sequence[float], losses: Sequence[float], spread: Sequence[float] | None = None
) -> Figure:
    """Mean loss (B) in each interval of log-SNR between edges (B + 1), as bars.

    Half-widths of error bars are in `spread` (B).
    """
    figure, (axes,) = new_axes(6.4, 3.2)
    bounds = np.asarray(edges, dtype=float)
    widths = np.diff(bounds)
    look: dict[str, Any] = {"color": SKY, "edgecolor": PAPER, "linewidth": 0.8}
    axes.bar(bounds[:-1], losses, widths, align="edge", **look)
    if spread is not None:
        centres = bounds[:-1] + widths / 2
        axes.errorbar(centres, losses, spread, fmt="none", ecolor=MUTED, capsize=3)
    axes.set(xlabel="log SNR (noise on the left, data on the right)", ylabel="loss")
    axes.set_title("held-out loss at each noise level")
    return figure
