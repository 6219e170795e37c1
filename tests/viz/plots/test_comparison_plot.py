from __future__ import annotations

import math

import numpy as np
import pytest

from snowmelt.evaluation.comparison.compared_jobs import Group, Job
from snowmelt.evaluation.comparison.ranking import Comparison
from snowmelt.viz.plots.comparison_plot import (
    _sample_rows,
    comparison_dots,
    comparison_picture,
)


@pytest.fixture
def comparison() -> Comparison:
    groups = [
        Group("cosine", [], {"0": 1.0, "1": 2.4}, verdict="lowest"),
        Group("linear", [], {"0": 4.0}, verdict="higher"),
    ]
    failed = [Job("job 3", {}, "failed", "it broke")]
    return Comparison("d", "distance", groups, failed, 0.5, "", "")


def test_dots_show_mean_error_bar_seeds_and_floor(comparison):
    figure = comparison_dots(comparison)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cosine", "linear"]
    bar = axes.containers[0].lines[2][0].get_segments()[0]
    assert np.allclose(bar[:, 0], [1.7 - 0.98**0.5, 1.7 + 0.98**0.5])
    seeds = np.asarray(axes.collections[0].get_offsets())[:, 0]
    assert seeds.tolist() == [1.0, 2.4]
    assert axes.get_xlim()[0] == 0, "distances are read from zero"
    assert "failed: job 3: it broke" in axes.get_xlabel()
    texts = [text.get_text() for text in axes.texts]
    assert {"lowest", "higher", "a perfect model"} <= set(texts)


@pytest.mark.parametrize(
    ("samples", "value_range"),
    [
        (np.full((70, 1, 8, 8), 16, np.uint8), (0, 16)),
        (np.full((9, 3, 64, 64), 9, np.uint8), (0, 255)),
        (np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32), None),
    ],
)
def test_picture_adds_a_row_of_samples(comparison, samples, value_range):
    alone = comparison_picture(comparison, [None, None], value_range)
    picture = comparison_picture(comparison, [samples, samples], value_range)
    assert picture.height > alone.height + 100
    again = comparison_picture(comparison, [samples, samples], value_range)
    assert picture.tobytes() == again.tobytes()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize(("side", "scale"), [(8, 8), (28, 3), (32, 3), (64, 2)])
def test_images_are_enlarged_by_whole_factors(count: int, side: int, scale: int) -> None:
    """An image of one level fills exactly its tile."""
    images = np.full((30, 1, side, side), 200, np.uint8)
    known = [(f"setting {number}", images) for number in range(count)]
    rows = _sample_rows(known, (0, 255))
    assert len(rows) == math.ceil(count / 3)
    tile, gap = side * scale, round(min(side * scale, 96) / 12)
    for row in rows:
        assert row.width <= 1120
        line = np.asarray(row.convert("L"))[40 + tile // 2]
        runs = "".join("x" if level == 200 else " " for level in line).split()
        assert {len(run) for run in runs} == {tile}
        assert len(runs) >= 2
        first = int(np.argmax(line == 200))
        assert line[first + tile + gap] == 200


def test_large_images_are_made_smaller() -> None:
    images = np.full((30, 1, 300, 300), 200, np.uint8)
    (row,) = _sample_rows([("one", images), ("two", images), ("three", images)], (0, 255))
    assert row.width <= 1120
