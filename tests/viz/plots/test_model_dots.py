"""Models in one figure: every interval is that of the table, and the floor is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from snowmelt.evaluation.comparison import Measured, compare_models
from snowmelt.viz.plots.model_dots import model_dots


def model(name: str, distance: float, bits: float) -> Measured:
    protocol: dict[str, Any] = {"extractor": "classifier", "checkpoint": name}
    return Measured(
        name,
        {
            "frechet_distance": distance,
            "frechet_distance_spread": 0.1,
            "frechet_distance_floor": 0.7,
            "confident_share": 0.9,
            "bound_bits_per_dim": bits,
            "bound_bits_per_dim_se": 0.02,
            "protocol": protocol,
            "likelihood": {"bound": {"steps": 1000, "n": 256}},
        },
    )


def test_a_panel_for_each_measure_with_a_verdict_and_a_line_for_each_model() -> None:
    figure = model_dots(compare_models([model("one", 1.0, 2.5), model("two", 2.0, 2.6)]))
    assert figure is not None
    distance, bits = figure.axes
    assert distance.get_title("left") == "Frechet distance (classifier)"
    assert bits.get_title("left").endswith("(bits/dim)")
    assert [text.get_text() for text in bits.get_yticklabels()] == ["one", "two"]
    bars = [one for one in distance.containers if isinstance(one, ErrorbarContainer)]
    assert [float(np.asarray(one.lines[0].get_xdata())[0]) for one in bars] == [1.0, 2.0]
    (segment,) = bars[1].lines[2][0].get_segments()
    assert segment[:, 0] == pytest.approx([2 - 1.96 * 0.1, 2 + 1.96 * 0.1], abs=1e-4)
    assert distance.get_title("right") == "┆ a perfect model"
    assert bits.get_title("right") == ""
    assert distance.get_ylim()[0] > distance.get_ylim()[1], "the first one on top"


def test_nothing_is_drawn_of_models_without_such_a_measure() -> None:
    bare = [Measured(name, {"protocol": {"checkpoint": name}}) for name in "ab"]
    assert model_dots(compare_models(bare)) is None
