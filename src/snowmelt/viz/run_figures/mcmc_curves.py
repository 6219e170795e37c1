"""Turns the results of the MCMC benchmark into the curves of its figure."""

from __future__ import annotations

import math
import statistics

import numpy as np
from matplotlib.figure import Figure

from snowmelt.evaluation.mcmc_benchmark.benchmark import Measured
from snowmelt.evaluation.mcmc_benchmark.benchmark_table import Line, distance, lines, weight
from snowmelt.viz.plots.mcmc_benchmark_plot import Band, Curve, mcmc_figure


def picture(measured: Measured, name: str) -> Figure:
    """The figure of the benchmark on the density called `name`."""
    floor = [one.wasserstein_2 for one in measured.floor]
    weights = [one.weight for one in measured.floor if one.weight is not None]
    true_weight = measured.weight
    settings = measured.settings
    return mcmc_figure(
        [_curve(line) for line in lines(measured.rows)],
        _band(floor),
        None if true_weight is None else Band(true_weight, _band(weights).spread),
        measured.traces,
        f"{name}: Markov chains against diffusion, {settings.points} points a cloud",
    )


def _band(values: list[float]) -> Band:
    if not all(map(math.isfinite, values)):
        return Band(math.nan, 0.0)  # diverged, and is not drawn
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return Band(statistics.fmean(values), spread)


def _curve(line: Line) -> Curve:
    """Means over seeds against the evaluations spent, which may be below the budget."""
    bands = [_band(line.values(budget, distance)) for budget in line.budgets]
    weights = [line.values(budget, weight) for budget in line.budgets]
    means = np.array([np.mean(values) if values else math.nan for values in weights])
    return Curve(
        label=line.label,
        family=line.family,
        start=line.start,
        evaluations=np.array([line.at(b)[0].evaluations for b in line.budgets], float),
        distances=np.array([band.mean for band in bands]),
        spread=np.array([band.spread for band in bands]),
        weights=means if any(weights) else None,
    )
