from __future__ import annotations

import numpy as np
import pytest

from snowmelt.viz.plots.comparison_plot import Entry, comparison_dots, comparison_picture


def entries(samples) -> list[Entry]:
    return [
        Entry("cosine", [1.0, 2.0], 1.5, 0.7, "lowest", samples),
        Entry("linear", [4.0], 4.0, None, "higher", samples),
    ]


def test_dots_show_mean_error_bar_seeds_and_floor():
    figure = comparison_dots(entries(None), "distance", 0.5, ["job 3: it broke"])
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cosine", "linear"]
    bar = axes.containers[0].lines[2][0].get_segments()[0]
    assert np.allclose(bar[:, 0], [0.8, 2.2])
    seeds = np.asarray(axes.collections[0].get_offsets())[:, 0]
    assert seeds.tolist() == [1.0, 2.0]
    assert axes.get_xlim()[0] == 0, "distances are read from zero"
    assert "failed: job 3: it broke" in axes.get_xlabel()
    texts = [text.get_text() for text in axes.texts]
    assert {"lowest", "higher", "two real sets"} <= set(texts)


@pytest.mark.parametrize(
    ("samples", "value_range"),
    [
        (np.full((70, 1, 8, 8), 16, np.uint8), (0, 16)),
        (np.full((9, 3, 64, 64), 9, np.uint8), (0, 255)),
        (np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32), None),
    ],
)
def test_picture_adds_a_row_of_samples(samples, value_range):
    alone = comparison_picture(entries(None), "distance", 0.5, value_range)
    picture = comparison_picture(entries(samples), "distance", 0.5, value_range)
    assert picture.height > alone.height + 100
    again = comparison_picture(entries(samples), "distance", 0.5, value_range)
    assert picture.tobytes() == again.tobytes()
