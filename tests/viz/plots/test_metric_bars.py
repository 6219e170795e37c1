from __future__ import annotations

import numpy as np

from snowmelt.evaluation.catalogue.readings import Reading
from snowmelt.viz.plots.metric_bars import metrics_with_floor


def test_each_metric_gets_its_own_axis_from_zero_with_floor_and_error_bar():
    figure = metrics_with_floor(
        [
            Reading("x", "distance", 3.0, spread=0.5, floor=1.0),
            Reading("x", "share", 0.9, floor=0.97, floor_label="real data", is_share=True),
            Reading("x", "kernel", 0.002, floor=-0.001),
        ]
    )
    distance, share, kernel = figure.axes
    assert [axes.get_title("left") for axes in figure.axes] == [
        "distance",
        "share",
        "kernel",
    ]
    assert distance.get_xlim()[0] == 0
    assert distance.get_xlim()[1] > 3.5
    assert share.get_xlim()[1] > 1
    assert kernel.get_xlim()[0] < -0.001
    floors = [np.asarray(axes.lines[-1].get_xdata())[0] for axes in figure.axes]
    assert floors == [1.0, 0.97, -0.001]
    bar = distance.containers[0].lines[2][0].get_segments()[0]
    assert np.allclose(bar[:, 0], [2.5, 3.5])


def test_a_metric_without_floor_has_no_line():
    (axes,) = metrics_with_floor([Reading("x", "alone", 0.0)]).axes
    assert len(axes.lines) == 1
    assert axes.get_title("right") == ""


def test_the_spread_of_the_floor_is_a_band_inside_the_axis():
    (axes,) = metrics_with_floor(
        [Reading("x", "at", 1.0, floor=0.1, floor_spread=0.3)]
    ).axes
    (band,) = axes.patches
    assert np.isclose(band.get_x(), -0.2)
    assert np.isclose(band.get_width(), 0.6)
    assert axes.get_xlim()[0] < -0.2
