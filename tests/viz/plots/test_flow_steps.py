from __future__ import annotations

import numpy as np
import pytest

from snowmelt.viz.plots.flow_steps import StepCurve, flow_steps_figure

CURVES = [
    StepCurve("crooked", (1, 4, 16), [0.8, 0.2, 0.05]),
    StepCurve("straight", (1, 4), [0.02, 0.01]),
]


def test_each_curve_is_drawn_as_it_is() -> None:
    figure = flow_steps_figure(CURVES, y="error", floor=0.03, floor_name="true points")
    (axes,) = figure.axes
    crooked, straight, floor = axes.get_lines()
    np.testing.assert_array_equal(crooked.get_xdata(), [1, 4, 16])
    np.testing.assert_array_equal(crooked.get_ydata(), [0.8, 0.2, 0.05])
    np.testing.assert_array_equal(straight.get_ydata(), [0.02, 0.01])
    assert crooked.get_color() != straight.get_color()
    assert crooked.get_marker() != straight.get_marker()
    assert list(floor.get_ydata()) == [0.03, 0.03]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "4", "16"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "crooked",
        "straight",
        "true points",
    ]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Euler's steps", "error")


def test_one_curve_without_a_name_needs_no_legend() -> None:
    figure = flow_steps_figure([StepCurve("", (1, 2), [0.1, 0.05])], x="points", y="error")
    assert figure.axes[0].get_legend() is None
    assert figure.axes[0].get_xlabel() == "points"


def test_no_curve_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no curves to draw"):
        flow_steps_figure([], y="error")
