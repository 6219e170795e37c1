"""What the report says of the numbers in words."""

from __future__ import annotations

import pytest

from snowmelt.viz.report.headline import headline_sentences

METRICS = {
    "confident_share": 0.912,
    "confident_share_real": 0.971,
    "frechet_distance": 3.2146,
    "frechet_distance_floor": 1.102,
    "frechet_distance_spread": 0.287,
    "protocol": {"extractor": {"name": "classifier"}, "num_samples": 1000},
}


def test_sentences_say_how_far_and_what_real_data_gets():
    said = headline_sentences(METRICS, 1000)
    assert said[0].startswith("1,000 samples against the training split")
    assert "3.21 ± 0.29" in said[0]
    assert "1.10" in said[1]
    assert "2.9 times as far" in said[1]
    assert "91.2 % of the samples and of 97.1 % of real ones" in said[2]


def test_the_count_that_the_distance_was_taken_at_is_said():
    metrics = {"fid": 9.0, "protocol": {"n": 359}}
    assert "over sets of 359 of them" in headline_sentences(metrics, 1000)[0]
    assert "sets of" not in headline_sentences(metrics, 359)[0]


@pytest.mark.parametrize(
    ("value", "is_at_floor"), [(1.0, True), (1.58, True), (1.6, False)]
)
def test_a_distance_that_chance_explains_is_at_the_floor(value: float, is_at_floor: bool):
    # The error of the difference is hypot(0.15, 0.2) = 0.25, and 1.1 + 1.96 * 0.25 = 1.59.
    metrics = {"fid": value, "fid_spread": 0.15, "fid_floor": 1.1, "fid_floor_spread": 0.2}
    said = headline_sentences(metrics, 10)[1]
    assert ("than chance can make them" in said) is is_at_floor
    assert ("times as far" in said) is not is_at_floor


def test_without_metrics_nothing_is_said():
    assert headline_sentences({}, 10) == []


def test_points_name_the_size_of_their_sets():
    metrics = {
        "frechet_distance": 0.3,
        "wasserstein_2": 0.3,
        "wasserstein_2_floor": 0.2,
        "protocol": {"extractor": "coordinates", "n": 50, "points": {"set_size": 1000}},
    }
    said = headline_sentences(metrics, 8000)
    assert said[0] == (
        "8,000 samples against the training split: Wasserstein distance W2 (coordinates)"
        " 0.300, between sets of 1,000 points."
    )
    assert "1.5 times as far" in said[1]
