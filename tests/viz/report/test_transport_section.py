"""The section on flows that begin with other data, and its figure."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.viz.report.test_page import EVIL, Reader, material

from snowmelt.viz.plots.error_by_time import error_by_time
from snowmelt.viz.report.page import render
from snowmelt.viz.report.transport_section import transport
from snowmelt.viz.style import png_bytes

METRICS: dict[str, Any] = {
    "wasserstein_2": 0.2,
    "transport_wasserstein_2": 0.9,
    "transport_wasserstein_2_spread": 0.05,
    "transport_wasserstein_2_freedom": 3,
    "transport_wasserstein_2_floor": 0.6,
    "transport_wasserstein_2_floor_spread": 0.05,
    "transport_wasserstein_2_floor_freedom": 3,
    "transport_straightness": 0.25,
    "transport_straightness_spread": 0.01,
    "transport": {
        "n": 2000,
        "sets": 4,
        "start": EVIL,
        "pairs": "true examples, paired as they come",
        "left_out": ["the distance of pairs, since it is not known"],
    },
}
COLUMNS = {
    "share": np.linspace(1.0, 0.0, 5),
    "carried": np.array([0.5, 0.6, 0.7, 0.8, 0.9]),
    "carried_se": np.full(5, 0.05),
    "true": np.full(5, 0.5),
    "true_se": np.full(5, 0.05),
}


def test_every_number_stands_beside_its_floor() -> None:
    made = material("points", metrics=METRICS, truth={"transport": COLUMNS})
    found = transport(made)
    assert found is not None
    told = {one.key: (one.text, one.floor_text) for one in found.known}
    assert told == {
        "transport_wasserstein_2": ("0.900 ± 0.050", "0.600 ± 0.050"),
        "transport_straightness": ("0.250 ± 0.010", "0"),
    }
    page = render(made)
    assert EVIL not in page
    assert "<h2>From start to data</h2>" in page
    text = " ".join(Reader(page).text.split())
    assert "4 sets of 2,000" in text
    assert "True pairs: true examples, paired as they come." in text
    assert "Left out: the distance of pairs, since it is not known." in text
    assert "0.900 ± 0.050" in text
    assert "0.80 (true 0.5" in page or "0.800 (true 0.500) at 0.25" in page
    assert "How the transport was measured" in page
    # They are told in their own section alone.
    assert text.count("Wasserstein distance W2 of carried starts") == 1


def test_a_model_that_begins_with_noise_has_none() -> None:
    assert transport(material()) is None
    assert "From start to data" not in render(material())


def test_of_images_the_paths_alone_are_told() -> None:
    metrics = {
        "transport_straightness": 0.25,
        "transport": {"n": 64, "start": "digits", "left_out": ["sets"]},
    }
    made = material(metrics=metrics)
    found = transport(made)
    assert found is not None
    assert found.figure is None
    assert "the paths of the first 64 are told" in found.introduction


def test_the_figure_runs_from_the_start_to_the_data() -> None:
    figure = error_by_time(COLUMNS)
    (axes,) = figure.axes
    drawn = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(drawn["flow"].get_xdata(), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(drawn["flow"].get_ydata(), COLUMNS["carried"])
    np.testing.assert_allclose(drawn["true pairs"].get_ydata(), COLUMNS["true"])
    assert len(axes.collections) == 2
    assert axes.get_ylim()[0] == 0.0
    unknown = COLUMNS | {"carried_se": np.full(5, np.nan), "true_se": np.full(5, np.nan)}
    assert not error_by_time(unknown).axes[0].collections
    assert png_bytes(error_by_time(COLUMNS)) == png_bytes(error_by_time(COLUMNS))
