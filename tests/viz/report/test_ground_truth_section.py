"""The section that holds the model against the density of its data."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tests.viz.plots.test_score_error_plot import columns
from tests.viz.report.test_page import EVIL, Reader, material

from snowmelt.evaluation.catalogue.readings import readings
from snowmelt.viz.report.ground_truth_section import sentences, truth
from snowmelt.viz.report.page import render

METRICS: dict[str, Any] = {
    "wasserstein_2": 0.2,
    "score_error": 0.00028,
    "score_error_spread": 0.000025,
    "score_error_training_points": 0.0042,
    "score_error_training_points_spread": 0.002,
    "entropy_nats": 0.2313,
    "entropy_nats_se": 0.0048,
    "ode_bits_per_dim": 0.22,
    "ode_bits_per_dim_se": 0.04,
    "ode_nats": 0.306,
    "ode_nats_se": 0.051,
    "ode_nats_floor": 0.296,
    "ode_nats_floor_se": 0.052,
    "ode_excess_nats": 0.01,
    "ode_excess_nats_se": 0.0035,
    "truth": {"n": 5000, "entropy_draws": 50_000, "density": EVIL},
    "likelihood": {"ode": {"steps": 64}},
}


def test_every_number_stands_in_the_section_with_its_error() -> None:
    made = material("points", metrics=METRICS, score_error=columns())
    found = truth(made)
    assert found is not None
    told = {line.label: line.text for line in found.lines}
    assert told == {
        "score error, mean over all times": "0.000280 ± 0.000025",
        "what the score error can cost": "0.0160 nats",
        "negative log-likelihood of the model (probability flow)": "0.306 ± 0.051 nats",
        "the same under the true density": "0.296 ± 0.052 nats",
        "excess of the model": "0.0100 ± 0.0035 nats",
        "entropy of the true density": "0.2313 ± 0.0048 nats",
    }
    assert "without a network: 0.0042 ± 0.0020" in found.lines[0].note
    assert "50,000 draws" in found.lines[-1].note
    page = render(made)
    assert EVIL not in page
    assert "<h2>Against the truth</h2>" in page
    assert "score error of the network against the log SNR: 0.00100 at -8" in page
    assert "0.0100 ± 0.0035 nats" in " ".join(Reader(page).text.split())


def test_without_a_known_density_there_is_no_section() -> None:
    assert truth(material("points")) is None
    assert "Against the truth" not in render(material("points"))


def test_without_a_likelihood_the_rest_is_told() -> None:
    metrics = {key: value for key, value in METRICS.items() if not key.startswith("ode_")}
    found = truth(material("points", metrics=metrics))
    assert found is not None
    assert [line.label for line in found.lines] == [
        "score error, mean over all times",
        "entropy of the true density",
    ]
    assert found.figure is None


def test_the_numbers_of_the_samples_stand_apart() -> None:
    assert [reading.key for reading in readings(METRICS)] == ["wasserstein_2"]


@pytest.mark.parametrize(("excess", "by_chance"), [(0.01, False), (0.006, True)])
def test_the_headline_says_what_chance_can_do(excess: float, by_chance: bool) -> None:
    (said,) = sentences(METRICS | {"ode_excess_nats": excess})
    assert f"{excess:.4f} ± 0.0035 nats more than under the known density" in said
    missed = "no difference was found, and one of 0.00981 nats would have been in four of"
    assert (missed in said) is by_chance  # 2.80 standard errors
    page = render(material("points", metrics=METRICS | {"ode_excess_nats": excess}))
    assert said in Reader(page).text
    assert sentences({"ode_nats": 1.0}) == []


def test_numbers_below_the_truth_are_told_as_they_are() -> None:
    (said,) = sentences(METRICS | {"ode_excess_nats": -0.0019})
    assert re.search(r"cost -0\.0019 ± 0\.0035 nats more", said)
    assert "no difference was found" in said
    assert np.isfinite(METRICS["ode_excess_nats"])
