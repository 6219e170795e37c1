"""Curves over iterations, and who is carried where in each."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection, PathCollection
from tests.evaluation.test_iteration_table import NEAR

from snowmelt.evaluation.iteration_table import IterationResult
from snowmelt.viz.plots.iteration_plot import (
    MOST_WAYS,
    Ways,
    iteration_curves,
    iteration_picture,
    iteration_ways,
)

RESULTS = [
    IterationResult(
        number, "there", number % 2 == 1, NEAR, 20.0 - number, 30.0 / number, None, "x"
    )
    for number in range(1, 12)
]


def points(number: int, count: int = 100) -> Ways:
    drawn = np.random.default_rng(number).uniform(-1, 1, size=(count, 2))
    begun = drawn.astype(np.float32)
    return Ways(f"{number}: there", True, begun, begun + np.float32(3.0))


def test_the_curves_are_those_of_the_numbers() -> None:
    near, costs = iteration_curves(RESULTS).axes
    energy, transport = costs.lines
    np.testing.assert_array_equal(energy.get_ydata(), [30.0 / n for n in range(1, 12)])
    np.testing.assert_array_equal(transport.get_ydata(), [20.0 - n for n in range(1, 12)])
    # Each direction has its distances and its floor, over its own iterations.
    named = {line.get_label(): line for line in near.get_lines()}
    assert len([c for c in near.containers if c.get_label() == "to the data"]) == 1
    assert len([c for c in near.containers if c.get_label() == "to the starts"]) == 1
    floors = [line for line in named.values() if line.get_linestyle() == ":"]
    assert len([line for line in near.get_lines() if line.get_linestyle() == ":"]) == 2
    assert all(set(line.get_ydata()) == {0.05} for line in floors)
    assert near.get_ylabel() == "Wasserstein distance"
    assert near.get_ylim()[0] == costs.get_ylim()[0] == 0.0


def test_a_line_leads_from_each_start_to_its_end() -> None:
    (panel,) = iteration_ways([points(1)]).axes
    (lines,) = [one for one in panel.collections if isinstance(one, LineCollection)]
    pieces = np.array(lines.get_segments())
    assert len(pieces) == MOST_WAYS
    np.testing.assert_allclose(pieces[:, 1] - pieces[:, 0], 3.0, rtol=1e-5)
    begun, ended = (one for one in panel.collections if isinstance(one, PathCollection))
    first = np.asarray(begun.get_offsets()).mean(axis=0)
    np.testing.assert_allclose(np.asarray(ended.get_offsets()).mean(axis=0), first + 3.0)
    assert panel.get_title("left") == "1: there"


def test_ways_of_one_iteration_are_shown_in_the_frame_of_all() -> None:
    first, second = iteration_ways([points(1), points(2)]).axes
    assert first.get_xlim() == second.get_xlim()
    assert first.get_ylim() == second.get_ylim()


def test_of_many_iterations_some_are_shown_and_of_images_every_row() -> None:
    many = iteration_picture(RESULTS, [points(number) for number in range(1, 12)])
    few = iteration_picture(RESULTS, [points(1)])
    bare = iteration_picture(RESULTS, [])
    assert bare.height < few.height < many.height
    levels = np.arange(64, dtype=np.uint8).reshape(4, 1, 4, 4) % 17
    images = [Ways("1", True, levels, 16 - levels, (0, 16)) for _ in range(3)]
    assert iteration_picture(RESULTS, images).height > bare.height + 3 * 2 * 32
