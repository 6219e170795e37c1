"""The picture of chains against diffusion: every line, the floor, and the paths."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes

from snowmelt.evaluation.mcmc_benchmark.benchmark import Trace
from snowmelt.viz.plots.mcmc_benchmark_plot import (
    CHAIN,
    EXACT,
    LEARNED,
    Band,
    Curve,
    mcmc_figure,
)
from snowmelt.viz.style import png_bytes

X = np.array([10.0, 100.0, 1000.0])
FLOOR, WEIGHT = Band(0.1, 0.03), Band(0.3, 0.01)
TRACES = [
    Trace("chains", True, np.arange(5.0), np.zeros((5, 3))),
    Trace("paths", False, np.arange(9.0), np.full((9, 2), 4.0)),
]


def curve(
    label: str, kind: str, start: str, height: float, has_modes: bool = True
) -> Curve:
    y = np.full(3, height)
    return Curve(label, kind, start, X, y, 0.1 * y, y / 2 if has_modes else None)


def curves(has_modes: bool = True) -> list[Curve]:
    return [
        curve("walk", CHAIN, "afar", 0.5, has_modes),
        curve("walk", CHAIN, "one place", 2.5, has_modes),
        curve("flow", EXACT, "noise", 0.15, has_modes),
        curve("flow, learned", LEARNED, "noise", 0.2, has_modes),
    ]


def drawn(axes: Axes) -> set[float]:
    """The heights of the lines with marks."""
    marked = [line for line in axes.lines if line.get_marker() not in ("None", "", None)]
    return {float(np.asarray(line.get_ydata())[0]) for line in marked}


def test_a_column_for_each_start_and_diffusion_in_both() -> None:
    figure = mcmc_figure(curves(), FLOOR, WEIGHT, TRACES, "mine")
    panels = figure.axes
    assert len(panels) == 6
    assert drawn(panels[0]) == {0.5, 0.15, 0.2}
    assert drawn(panels[1]) == {2.5, 0.15, 0.2}
    assert drawn(panels[2]) == {0.25, 0.075, 0.1}
    assert drawn(panels[3]) == {1.25, 0.075, 0.1}
    assert panels[0].get_xscale() == panels[0].get_yscale() == "log"
    assert panels[2].get_yscale() == "linear"
    assert "afar" in panels[0].get_title(loc="left")
    assert "one place" in panels[1].get_title(loc="left")
    assert panels[0].get_ylim() == panels[1].get_ylim()
    assert panels[4].get_ylim() == panels[5].get_ylim()
    assert len(panels[4].lines) == 3 + 1
    assert figure.get_suptitle() == "mine"


def test_the_floor_is_shown_and_named() -> None:
    figure = mcmc_figure(curves(), FLOOR, WEIGHT, TRACES, "mine")
    for axes, band in ((figure.axes[1], FLOOR), (figure.axes[3], WEIGHT)):
        (patch,) = axes.patches
        low, high = patch.get_extents().transformed(axes.transData.inverted()).intervaly
        assert low == pytest.approx(band.mean - band.spread)
        assert high == pytest.approx(band.mean + band.spread)
    (legend,) = figure.legends
    named = [text.get_text() for text in legend.get_texts()]
    assert sorted(named) == ["flow", "flow, learned", "two true clouds", "walk"]


def test_methods_stay_apart_in_gray() -> None:
    figure = mcmc_figure(
        [curve(str(n), kind, "a", 1.0 + n) for kind in (CHAIN, EXACT) for n in range(4)],
        FLOOR,
        None,
        [],
        "mine",
    )
    styles = {
        (line.get_marker(), line.get_linestyle())
        for line in figure.axes[0].lines
        if line.get_marker() not in ("None", "", None)
    }
    assert len({marker for marker, _ in styles}) == 4


def test_without_modes_there_is_no_row_of_weights() -> None:
    figure = mcmc_figure(curves(has_modes=False), FLOOR, None, TRACES, "mine")
    assert len(figure.axes) == 4
    assert png_bytes(figure) == png_bytes(
        mcmc_figure(curves(has_modes=False), FLOOR, None, TRACES, "mine")
    )


def test_a_wide_floor_stays_on_the_log_axis() -> None:
    figure = mcmc_figure(curves(), Band(0.1, 0.5), WEIGHT, TRACES, "mine")
    low, _ = figure.axes[0].get_ylim()
    assert low > 0
