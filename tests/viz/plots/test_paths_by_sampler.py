"""Several ways from the same starts, panel by panel."""

from __future__ import annotations

import numpy as np

from snowmelt.viz.plots.paths_by_sampler import ways_in_time
from snowmelt.viz.style import png_bytes

TIMES = np.linspace(1, 0, 5)
STATES = np.cumsum(np.ones((5, 3)), axis=0)


def test_rows_are_scores_and_columns_are_ways() -> None:
    rows = {
        "learned": {"a": (TIMES, STATES), "b": "cannot start"},
        "true": {"a": (TIMES, STATES + 1), "b": (TIMES, STATES)},
    }
    figure = ways_in_time(rows, size=2, limits=(-1.0, 9.0))
    first, second, third, fourth = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b", "", ""]
    assert first.get_ylabel() == "learned\ncoordinate 1 of 2"
    assert third.get_ylabel() == "true\ncoordinate 1 of 2"
    assert second.get_ylabel() == fourth.get_ylabel() == ""
    assert [text.get_text() for text in second.texts] == ["cannot start"]
    assert not second.axison
    assert first.get_ylim() == fourth.get_ylim() == (-1.0, 9.0)
    assert first.get_xlim() == fourth.get_xlim()
    assert len(png_bytes(figure)) > 1000


def test_one_coordinate_is_called_just_that() -> None:
    figure = ways_in_time({"learned": {"a": (TIMES, STATES)}})
    assert figure.axes[0].get_ylabel() == "learned\ncoordinate 1"
