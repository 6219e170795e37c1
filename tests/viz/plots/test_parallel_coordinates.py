from __future__ import annotations

import itertools

import numpy as np

from snowmelt.viz.plots.parallel_coordinates import Coordinate, parallel_coordinates


def test_numbers_keep_their_distances_and_words_are_even():
    assert Coordinate("steps", [10.0, 20.0, 50.0, None]).heights[:3] == [0, 0.25, 1]
    assert np.isnan(Coordinate("steps", [10.0, 20.0, None]).heights[2])
    words = Coordinate("schedule", ["linear", "cosine", "sigmoid"])
    assert words.heights == [0.5, 0, 1]
    assert words.ticks == [(0.0, "cosine"), (0.5, "linear"), (1.0, "sigmoid")]
    assert Coordinate("seed", [0.0, 2.0, 1.0]).ticks == [(0, "0"), (0.5, "1"), (1, "2")]
    many = Coordinate("steps", [0.0, 0.5, 1.0, 2.0, 3.5, 4.0])
    assert [text for _, text in many.ticks] == ["0", "1", "2", "3", "4"]


def test_what_is_the_same_in_all_jobs_tells_none_apart():
    assert not Coordinate("seed", [1.0, 1.0, None]).tells_apart
    assert Coordinate("seed", [1.0, 2.0]).tells_apart


def test_a_line_for_each_job_and_an_axis_for_each_coordinate():
    coordinates = [
        Coordinate("schedule", ["a", "b", "a"]),
        Coordinate("x", [1.0, 2.0, 3.0]),
    ]
    (axes,) = parallel_coordinates(coordinates, [0, 1, 9]).axes
    drawn = [line for line in axes.lines if len(line.get_xdata()) == 2][:3]
    assert [np.asarray(line.get_ydata()).tolist() for line in drawn] == [
        [0, 0],
        [1, 0.5],
        [0, 1],
    ]
    assert drawn[0].get_color() != drawn[1].get_color()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["schedule", "x"]


def test_long_labels_keep_apart():
    distance, energy = "Wasserstein distance W2 (coordinates)", "normalised path energy"
    labels = ("coupling", "seed", distance, energy, "seconds")
    figure = parallel_coordinates([Coordinate(name, [1.0, 2.0]) for name in labels], [0, 1])
    figure.draw_without_rendering()
    places = [one.get_window_extent() for one in figure.axes[0].get_xticklabels()]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(places))
