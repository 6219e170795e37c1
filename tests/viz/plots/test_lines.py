"""Curves under their names."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.viz.plots.lines import named_lines

CURVES = {
    "cosine, seed 0": ([0, 1], [1.0, 2.0]),
    "cosine, seed 1": ([0, 1], [1.5, 2.5]),
    "linear, seed 0": ([0, 1], [3.0, 4.0]),
}


def test_seeds_of_one_setting_look_alike() -> None:
    figure = named_lines(CURVES, x="step", y="loss", title="loss")
    (axes,) = figure.axes
    first, second, third = axes.lines
    assert first.get_color() == second.get_color() != third.get_color()
    assert first.get_linestyle() == second.get_linestyle() != third.get_linestyle()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "cosine",
        "linear",
    ]
    np.testing.assert_array_equal(second.get_ydata(), [1.5, 2.5])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss")
    assert axes.get_yscale() == "linear"


def test_a_logarithmic_axis() -> None:
    figure = named_lines(CURVES, x="x", y="y", is_logarithmic=True)
    assert figure.axes[0].get_yscale() == "log"


def test_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no curves"):
        named_lines({}, x="x", y="y")
