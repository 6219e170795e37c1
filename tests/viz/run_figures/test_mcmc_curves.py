"""From the clouds to the curves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from snowmelt.evaluation.mcmc_benchmark.benchmark import Measured, Row, Trace
from snowmelt.evaluation.mcmc_benchmark.cloud_quality import Quality
from snowmelt.evaluation.settings import MCMCSettings
from snowmelt.viz.run_figures.mcmc_curves import picture


@pytest.mark.parametrize("weight", [0.3, None])
def test_curves_are_means_over_seeds_at_what_was_spent(weight: float | None) -> None:
    rows = [
        Row(method, family, start, 10, 9, seed, Quality(0.2 + 0.2 * seed, 0.0, weight))
        for method, family, start in (
            ("walk", "chain", "afar"),
            ("flow", "exact score", "noise"),
        )
        for seed in (0, 1)
    ]
    floor = [Quality(0.1, 0.0, weight), Quality(0.3, 0.0, weight)]
    traces = [Trace("t", True, np.arange(3.0), np.zeros((3, 2)))] * 2
    settings = MCMCSettings(points=77, seeds=2, budgets=(10,))
    figure = picture(Measured(rows, floor, weight, traces, settings), "mine")
    axes = figure.axes[0]
    marked = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    assert len(marked) == 2
    for line in marked:
        assert list(np.asarray(line.get_xdata())) == [9.0]
        assert np.asarray(line.get_ydata())[0] == pytest.approx(0.3)
    assert "77 points" in figure.get_suptitle()
    assert figure.get_suptitle().startswith("mine")
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert len(visible) == (4 if weight is not None else 3)


def test_what_ran_away_is_left_out() -> None:
    rows = [
        Row("steps", "chain", "afar", budget, budget, seed, found)
        for budget, found in (
            (10, Quality(0.4, 0.0, 0.3)),
            (30, Quality(math.inf, math.inf, None)),
        )
        for seed in (0, 1)
    ]
    floor = [Quality(0.1, 0.0, 0.3), Quality(0.3, 0.0, 0.3)]
    traces = [Trace("t", True, np.arange(3.0), np.zeros((3, 2)))] * 2
    figure = picture(Measured(rows, floor, 0.3, traces, MCMCSettings()), "mine")
    figure.canvas.draw()
    for title, expected in (("distance", 0.4), ("weight", 0.3)):
        axes = next(one for one in figure.axes if one.get_title("left").startswith(title))
        (line,) = (line for line in axes.lines if line.get_marker() == "o")
        drawn = np.asarray(line.get_ydata())
        assert drawn[0] == pytest.approx(expected)
        assert np.isnan(drawn[1])
        assert axes.get_ylim()[1] < 2
