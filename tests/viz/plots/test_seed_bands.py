from __future__ import annotations

import numpy as np

from snowmelt.viz.plots.seed_bands import Band, falls_far, seed_bands

X = np.arange(3.0)


def test_a_line_is_the_mean_and_a_band_goes_from_lowest_to_highest():
    several = Band("cosine", X, np.array([[1.0, 2.0, 3.0], [3.0, 4.0, np.nan]]), 0)
    single = Band("linear", X, np.ones((1, 3)), 1)
    (axes,) = seed_bands([several, single], x="x", y="y", title="t", level=1.0).axes
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in axes.lines}
    assert lines["cosine"].tolist() == [2, 3, 3]
    assert lines["linear"].tolist() == [1, 1, 1]
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    assert {(0, 1), (0, 3), (1, 2), (1, 4)} <= {
        tuple(corner) for corner in corners.tolist()
    }


def test_places_without_any_value_are_left_out():
    values = np.array([[np.nan, 1.0, 2.0]])
    (axes,) = seed_bands([Band("a", X, values, 0)], x="", y="", title="").axes
    assert axes.lines[0].get_xdata().tolist() == [1, 2]


def test_what_falls_far_gets_a_logarithmic_axis():
    assert falls_far([Band("a", X, np.array([[1.0, 0.5, 0.01]]), 0)])
    assert not falls_far([Band("a", X, np.array([[1.0, 0.5, 0.4]]), 0)])
    assert not falls_far([Band("a", X, np.array([[1.0, 0.0, -4.0]]), 0)])
    assert not falls_far([Band("a", X, np.full((1, 3), np.nan), 0)])
