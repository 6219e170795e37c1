"""The figures of a flow, from arrays."""

from __future__ import annotations

import numpy as np

from snowmelt.viz.run_figures.flow_figures import plane_path_figure, step_figure

STEPS = {
    "steps": np.array([1, 2, 4]),
    "errors": np.array([3.0, 1.0, 0.4]),
    "way": np.array(9.0),
}


def test_the_error_stands_beside_the_length_of_the_way() -> None:
    (axes,) = step_figure(STEPS).axes
    errors, way = axes.get_lines()
    np.testing.assert_array_equal(errors.get_xdata(), [1, 2, 4])
    np.testing.assert_array_equal(errors.get_ydata(), [3.0, 1.0, 0.4])
    assert list(way.get_ydata()) == [9.0, 9.0]
    assert "data's units" in axes.get_ylabel()


def test_paths_lie_over_both_clouds() -> None:
    rng = np.random.default_rng(0)
    starts = rng.normal(size=(30, 2)) * 0.2 - [3.0, 0.0]
    ends = starts + np.array([6.0, 0.0])
    frames = np.stack([starts, 0.5 * (starts + ends), ends])
    figure = plane_path_figure({"frames": frames}, rng.normal(size=(80, 2)) * 0.2 + [3, 0])
    (axes,) = figure.axes
    behind = np.asarray(axes.get_images()[0].get_array())
    half = behind.shape[1] // 2
    tops = behind[:, :half].max(), behind[:, half:].max()
    np.testing.assert_allclose(tops, 1.0, atol=0.01)
    squares, dots = axes.collections[-2:]
    assert np.asarray(squares.get_offsets())[:, 0].max() < -2
    assert np.asarray(dots.get_offsets())[:, 0].min() > 2
