"""The error of a learned score at each noise level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from snowmelt.viz.style import BLUE, GREEN, MUTED, VERMILLION, styled

Columns = Mapping[str, NDArray[np.float64]]
_CONFIDENT = 1.96  # standard errors on both sides
_LEAST_SHARE = 0.05  # of a mean, where a band would reach zero on a logarithmic axis
_NETWORK: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 4}
_TRAINING_POINTS: dict[str, Any] = {
    "color": VERMILLION, "linestyle": "--", "marker": "s", "markersize": 3.5
}  # fmt: skip


@styled
def score_error(columns: Columns) -> Figure:
    """The error by itself beside the error relative to the score, both over the log-SNR.

    The network is a solid line with a band of 95 %; what the training points say without a
    network is dashed; the loss that no network can go below is dotted.

    Args:
        columns: of score_error.csv, equally long.
    """
    figure = Figure(figsize=(9.2, 3.8))
    left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
    _draw_errors(left, columns)
    _draw_relative(right, columns)
    return figure


def nats(columns: Columns, dimensions: int) -> float:
    r"""$\tfrac D2 \int \text{score error}\,d\lambda$ by the trapezoidal rule.

    A bound on what the score error costs; see `evaluation.ground_truth.score_error`.
    """
    area = np.trapezoid(columns["score_error"], columns["log_snr"])
    return float(0.5 * dimensions * area)


def _draw_errors(axes: Axes, columns: Columns) -> None:
    log_snr = columns["log_snr"]
    loss = columns["irreducible_loss"]
    axes.plot(log_snr, loss, color=GREEN, linestyle=":", label="irreducible loss")
    _draw_band(axes, columns, "training_points", VERMILLION)
    label = "training points, no network"
    axes.plot(log_snr, columns["training_points"], label=label, **_TRAINING_POINTS)
    _draw_band(axes, columns, "score_error", BLUE)
    axes.plot(log_snr, columns["score_error"], label="network", **_NETWORK)
    axes.set(ylabel="squared error of the noise, by dimension", title="score error")
    _finish(axes)
    axes.legend(loc="best")


def _draw_relative(axes: Axes, columns: Columns) -> None:
    log_snr = columns["log_snr"]
    axes.axhline(1.0, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.plot(log_snr, columns["relative_training_points"], **_TRAINING_POINTS)
    axes.plot(log_snr, columns["relative_error"], **_NETWORK)
    axes.set(ylabel="share of the score's mean square", title="relative to the score")
    _finish(axes)


def _draw_band(axes: Axes, columns: Columns, name: str, colour: str) -> None:
    value, error = columns[name], _CONFIDENT * columns[f"{name}_se"]
    low = np.maximum(value - error, _LEAST_SHARE * value)
    axes.fill_between(
        columns["log_snr"], low, value + error, color=colour, alpha=0.2, linewidth=0
    )


def _finish(axes: Axes) -> None:
    """A logarithmic axis, which leaves out what is zero."""
    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_locator(LogLocator(numticks=9))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("log SNR (noise on the left, data on the right)")
