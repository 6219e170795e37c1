from __future__ import annotations

import numpy as np

from snowmelt.viz.plots.distance_by_cost import Spent, distance_by_cost

WORDS = {"x": "steps", "y": "distance", "title": "t"}


def test_dots_are_jobs_and_a_line_joins_what_differs_in_cost_alone():
    spent = [
        Spent("600", [600, 600], [1.0, 2.0], 1, "cosine"),
        Spent("300", [300, 300], [3.0, 5.0], 0, "cosine"),
        Spent("linear", [300], [4.0], 2, "linear"),
    ]
    (axes,) = distance_by_cost(spent, **WORDS, floor=0.5).axes
    dots = [tuple(dot) for part in axes.collections for dot in part.get_offsets().tolist()]
    assert sorted(dots) == [(300, 3), (300, 4), (300, 5), (600, 1), (600, 2)]
    joined = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert [np.asarray(line.get_xydata()).tolist() for line in joined] == [
        [[300, 4], [600, 1.5]]
    ]
    assert [text.get_text() for text in axes.texts] == ["a perfect model"]
    assert axes.get_xscale() == "linear"


def test_costs_that_differ_much_have_a_logarithmic_axis():
    spent = [Spent("a", [10], [1.0], 0), Spent("b", [1000], [2.0], 1)]
    (axes,) = distance_by_cost(spent, **WORDS).axes
    assert axes.get_xscale() == "log"


def test_marks_and_a_long_title_are_within_the_picture():
    spent = [Spent("a", [420.0], [0.208], 0), Spent("b", [675.0], [0.213], 1)]
    title = "Wasserstein distance W2 (coordinates) against seconds of all"
    figure = distance_by_cost(spent, x="x", y="y", title=title)
    (axes,) = figure.axes
    figure.draw_without_rendering()
    assert axes.title.get_window_extent().x1 < figure.bbox.x1
    top = axes.transData.inverted().transform((0, axes.bbox.y1 - 8))[1]
    assert top > 0.213
    assert axes.get_xlim()[1] > 1.02 * 675
