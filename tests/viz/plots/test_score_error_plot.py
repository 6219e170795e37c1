"""The score error by noise level, drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from snowmelt.viz.plots.score_error_plot import nats, score_error
from snowmelt.viz.style import png_bytes


def columns(levels: int = 9, error: float = 1e-3) -> dict[str, np.ndarray]:
    """An even error, and a floor that rises with the log-SNR."""
    log_snr = np.linspace(-8.0, 8.0, levels)
    even, floor = np.full(levels, error), np.exp(log_snr) / 1000
    return {
        "log_snr": log_snr,
        "score_error": even,
        "score_error_se": 0.1 * even,
        "relative_error": even,
        "training_points": floor,
        "training_points_se": 2.0 * floor,
        "relative_training_points": 2.0 * floor,
        "irreducible_loss": np.full(levels, 0.5),
    }


def lines(figure: Figure, panel: int) -> dict[str, np.ndarray]:
    return {
        str(line.get_color()): np.asarray(line.get_ydata(), dtype=float)
        for line in figure.axes[panel].lines
    }


def test_both_panels_hold_the_columns() -> None:
    given = columns()
    figure = score_error(given)
    drawn = {
        name: values
        for panel in (0, 1)
        for name, values in (
            (f"{panel} {colour}", values) for colour, values in lines(figure, panel).items()
        )
    }
    found = list(drawn.values())
    for name in (
        "score_error",
        "training_points",
        "irreducible_loss",
        "relative_training_points",
    ):
        assert any(np.array_equal(given[name], values) for values in found), name
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log"]


def test_a_band_that_would_reach_zero_stays_on_the_axis() -> None:
    figure = score_error(columns())
    for band in figure.axes[0].collections:
        for path in band.get_paths():
            assert (path.vertices[:, 1] > 0).all()


@pytest.mark.parametrize(("levels", "error"), [(2, 1e-3), (16, 1e-3), (5, 0.0)])
def test_it_is_drawn_the_same_each_time(levels: int, error: float) -> None:
    first, second = (png_bytes(score_error(columns(levels, error))) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("levels", [2, 33])
def test_what_an_even_error_costs(levels: int) -> None:
    # Half of D times the error times the length of the axis.
    assert nats(columns(levels), 3) == pytest.approx(0.5 * 3 * 1e-3 * 16.0)


def test_what_an_error_that_grows_costs() -> None:
    given = columns(5)
    given["score_error"] = given["log_snr"] + 8.0
    assert nats(given, 2) == pytest.approx(0.5 * 16.0**2)
