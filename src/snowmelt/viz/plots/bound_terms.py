"""The terms of the variational bound, by noise level and by kind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.viz.style import BLUE, GREEN, MUTED, SKY, VERMILLION, styled

Columns = Mapping[str, NDArray[np.generic]]


@styled
def bound_terms(columns: Columns) -> Figure:
    """Bits a unit of log-SNR over the log-SNR, beside the sums of the three kinds.

    A step's bits depend on how long it is; divided by the log-SNR that it gains, those of
    all grids and schedules can be laid over each other.

    Args:
        columns: of likelihood.csv, equally long.
    """
    figure = Figure(figsize=(9.2, 3.4))
    left, right = figure.subplots(1, 2, width_ratios=[1.9, 1])
    _draw_density(left, columns)
    _draw_sums(right, columns)
    return figure


def density(columns: Columns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log-SNR and bits a unit of it, for each run of steps.

    A run from no signal at all gains infinitely much and is left out.
    """
    is_step = columns["term"] == "step"
    log_snr, gained, bits = (
        columns[name][is_step].astype(np.float64)
        for name in ("log_snr", "log_snr_gained", "bits_per_dim")
    )
    keep = np.isfinite(log_snr) & np.isfinite(gained) & (gained > 0)
    return log_snr[keep], bits[keep] / gained[keep]


def sums(columns: Columns) -> dict[str, float]:
    """Bits a dimension of each kind of term."""
    bits = columns["bits_per_dim"].astype(np.float64)
    return {
        name: float(bits[columns["term"] == term].sum())
        for name, term in (("prior", "prior"), ("steps", "step"), ("decoder", "decoder"))
    }


def _draw_density(axes: Axes, columns: Columns) -> None:
    log_snr, found = density(columns)
    marker = "o" if len(found) <= 60 else None
    axes.plot(log_snr, found, color=BLUE, marker=marker, markersize=3.5)
    axes.fill_between(log_snr, found, color=SKY, alpha=0.35, linewidth=0)
    axes.set_ylim(bottom=0)
    axes.set(xlabel="log SNR (noise on the left, data on the right)", ylabel="bits/dim")
    axes.set_title("bits a unit of log SNR")


def _draw_sums(axes: Axes, columns: Columns) -> None:
    found = sums(columns)
    bars = axes.bar(
        list(found), list(found.values()), color=[VERMILLION, BLUE, GREEN], width=0.6
    )
    axes.bar_label(bars, fmt="%.3g", padding=2, fontsize=9)
    axes.margins(y=0.15)
    axes.axhline(0.0, color=MUTED, linewidth=0.6)
    axes.set(ylabel="bits/dim", title="sum of the terms")
