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
    assert "2.11 from it, and the error of that is not known" in said[1]
    assert "91.2 % of the samples and of 97.1 % of real ones" in said[2]


def test_the_count_that_the_distance_was_taken_at_is_said():
    metrics = {"fid": 9.0, "protocol": {"n": 359}}
    assert headline_sentences(metrics, 1000)[0].endswith("sets of 359 of them.")
    both = headline_sentences(metrics | {"fid_floor": 8.0}, 1000)[0]
    assert both.endswith("FID 9, the mean over sets of 359 of them, as the floor is.")
    assert "sets of" not in headline_sentences(metrics, 359)[0]


@pytest.mark.parametrize(
    ("value", "away", "is_found"),
    [
        (1.0, "0.10 below it (95 % interval -0.59 to 0.39)", False),
        (1.58, "0.48 above it (95 % interval -0.01 to 0.97)", False),
        (1.6, "0.50 above it (95 % interval 0.01 to 0.99)", True),
    ],
)
def test_what_was_not_found_is_told_with_what_would_have_been(
    value: float, away: str, is_found: bool
):
    # The error of the difference is hypot(0.15, 0.2) = 0.25, and 1.1 + 1.96 * 0.25 = 1.59.
    metrics = {"fid": value, "fid_spread": 0.15, "fid_floor": 1.1, "fid_floor_spread": 0.2}
    said = headline_sentences(metrics, 10)[1]
    assert away in said
    missed = "one of 0.70 or more would have been found in four of five such evaluations"
    assert (missed in said) is not is_found
    assert ("no difference was found" in said) is not is_found
    assert "equal" not in said


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
    assert "the floor of 0.200" in said[1]
