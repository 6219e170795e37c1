"""The six panels of the schedule card, each with one line a schedule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from snowmelt.diffusion.schedule_diagnostics import ScheduleDiagnostics
from snowmelt.viz.style import MUTED, series

MOST_LOG_SNR = 22.0


def _lines(
    axes: Axes, curves: Sequence[ScheduleDiagnostics], x: str, y: str
) -> list[NDArray]:
    """One line a schedule, and the values that were drawn."""
    drawn = []
    for index, one in enumerate(curves):
        axes.plot(getattr(one, x), getattr(one, y), **series(index))
        drawn.append(getattr(one, y))
    return drawn


def _log_snr(axes: Axes, curves: Sequence[ScheduleDiagnostics]) -> None:
    _lines(axes, curves, "t", "log_snr")
    low, high = _within(curves)
    axes.axhline(0.0, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.set(title=r"log-SNR $\lambda(t)$", xlabel="t", xlim=(0, 1))
    axes.set_ylim(low - 0.5, high + 0.5)


def _share(axes: Axes, curves: Sequence[ScheduleDiagnostics]) -> None:
    _lines(axes, curves, "t", "alpha_bar")
    axes.set(title=r"signal left $\bar{\alpha}(t)$", xlabel="t", xlim=(0, 1))
    axes.set_ylim(-0.03, 1.03)


def _density(axes: Axes, curves: Sequence[ScheduleDiagnostics]) -> None:
    highest = [float(drawn.max()) for drawn in _lines(axes, curves, "log_snr", "density")]
    axes.set(title=r"density of $\lambda$ for uniform t", xlabel=r"log-SNR $\lambda$")
    axes.set_xlim(*_within(curves))
    # One peak must not flatten all the others.
    axes.set_ylim(0, 1.05 * min(max(highest), 3 * float(np.median(highest))))


def _rate(axes: Axes, curves: Sequence[ScheduleDiagnostics]) -> None:
    drawn = np.concatenate(_lines(axes, curves, "t", "diffusion_sq"))
    axes.set(title=r"rate of noise $g^2(t)$ ($\beta$)", xlabel="t", xlim=(0, 1))
    _logarithmic(axes, drawn)


def _betas(axes: Axes, curves: Sequence[ScheduleDiagnostics]) -> None:
    for index, one in enumerate(curves):
        steps = len(one.betas)
        t = np.arange(1, steps + 1) / steps
        marker = "." if steps <= 30 else None
        axes.plot(t, one.betas, marker=marker, markersize=5, **series(index))
    counts = " / ".join(dict.fromkeys(str(len(one.betas)) for one in curves))
    axes.set(title=rf"$\beta_i$ of {counts} steps", xlabel="t", xlim=(0, 1))
    _logarithmic(axes, np.concatenate([one.betas for one in curves]), top=1.5)


def _factor(axes: Axes, curves: Sequence[ScheduleDiagnostics]) -> None:
    drawn = np.concatenate(_lines(axes, curves, "log_snr", "error_factor"))
    axes.set(title=r"error in $x_0$ / network's error", xlabel=r"log-SNR $\lambda$")
    axes.set_xlim(*_within(curves))
    _logarithmic(axes, drawn)


def _within(curves: Sequence[ScheduleDiagnostics]) -> tuple[float, float]:
    """The log-SNRs that are shown, noise on the left."""
    drawn = np.concatenate([one.log_snr for one in curves])
    low, high = max(drawn.min(), -MOST_LOG_SNR), min(drawn.max(), MOST_LOG_SNR)
    return float(low) - 0.5, float(high) + 0.5


def _logarithmic(axes: Axes, drawn: NDArray, top: float | None = None) -> None:
    """A logarithmic axis; a curve that runs off to infinity does not flatten the others."""
    values = drawn[np.isfinite(drawn) & (drawn > 0)]
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    middle = float(np.median(values))
    low, high = max(low, middle * 1e-5), min(high, middle * 1e5)
    axes.set_yscale("log")
    axes.set_ylim(low / 1.6, top or high * 1.6)
    axes.minorticks_off()


PANELS = (_log_snr, _share, _density, _rate, _betas, _factor)
