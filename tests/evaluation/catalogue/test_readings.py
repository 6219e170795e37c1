"""Numbers of metrics.json with what belongs to each."""

from __future__ import annotations

import math

import pytest

from snowmelt.evaluation.catalogue.readings import (
    extractor_name,
    interval_of,
    readings,
)

METRICS = {
    "confident_share": 0.912,
    "confident_share_real": 0.971,
    "frechet_distance": 3.2146,
    "frechet_distance_floor": 1.102,
    "frechet_distance_spread": 0.287,
    "kernel_distance": 0.00213,
    "kernel_distance_floor": -0.00004,
    "kernel_distance_spread": None,
    "something_new": 5,
    "a_flag": True,
    "a_text": "word",
    "not_a_number": math.nan,
    "protocol": {"extractor": {"name": "classifier"}, "num_samples": 1000},
}


def test_what_belongs_to_a_metric_stands_with_it():
    found = {reading.key: reading for reading in readings(METRICS)}
    assert list(found) == [
        "frechet_distance",
        "kernel_distance",
        "confident_share",
        "something_new",
    ]
    distance = found["frechet_distance"]
    assert (distance.value, distance.spread, distance.floor) == (3.2146, 0.287, 1.102)
    assert distance.label == "Frechet distance (classifier)"
    assert (distance.text, distance.floor_text) == ("3.21 ± 0.29", "1.10")
    assert (distance.value_text, distance.spread_text) == ("3.21", "± 0.29")
    assert found["kernel_distance"].spread is None
    share = found["confident_share"]
    assert (share.text, share.floor_text, share.floor_label) == (
        "91.2 %",
        "97.1 %",
        "real data",
    )
    assert found["something_new"].label == "something new"


def test_what_belongs_to_a_floor_is_no_metric_of_its_own():
    names = ("fid", "fid_spread", "fid_floor", "fid_floor_spread")
    found = readings(dict.fromkeys(names, 2.0) | {"how_real": 0.1})
    assert [reading.key for reading in found] == ["fid", "how_real"]


def test_a_floor_without_its_metric_is_none_either():
    """It would stand among the samples' numbers, and is one of real data."""
    floor = {"frechet_distance_infinity_floor": 0.1, "something_new_floor": 0.2}
    spread = {f"{key}_spread": 0.05 for key in floor}
    assert [one.key for one in readings(floor | spread)] == ["something_new_floor"]


def test_what_real_data_gets_by_construction_needs_no_measurement():
    (reading,) = readings({"near_share": 0.7})
    assert (reading.text, reading.floor_text) == ("70.0 %", "50.0 %")


def test_only_the_key_fid_is_called_fid():
    (fid,) = readings({"fid": 12.0, "protocol": {"extractor": "inception"}})
    assert fid.label == "FID"
    (other,) = readings({"frechet_distance": 12.0, "protocol": {"extractor": "inception"}})
    assert other.label == "Frechet distance (inception)"


def test_extractor_is_found_as_text_or_by_its_name():
    assert extractor_name({"protocol": {"features": "random_conv"}}) == "random_conv"
    assert extractor_name(METRICS) == "classifier"
    assert extractor_name({}) == "features"


def test_a_share_with_spread_carries_one_sign():
    (share,) = readings({"confident_share": 0.912, "confident_share_spread": 0.011})
    assert share.text == "91.2 ± 1.1 %"
    assert share.value_text == "91.2 %"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.0, "-0.10 (95 % interval -0.59 to 0.39); 0.70 would have been found"),
        (1.58, "0.48 (95 % interval -0.01 to 0.97); 0.70 would have been found"),
        (1.6, "0.50 (95 % interval 0.01 to 0.99)"),
    ],
)
def test_the_difference_from_the_floor_has_an_interval(value: float, said: str):
    # The error of the difference is hypot(0.15, 0.2) = 0.25, and 1.1 + 1.96 * 0.25 = 1.59.
    metrics = {"fid": value, "fid_spread": 0.15, "fid_floor": 1.1, "fid_floor_spread": 0.2}
    (reading,) = readings(metrics)
    assert reading.floor_text == "1.10 ± 0.20"
    assert reading.excess_text == said


def test_without_an_error_nothing_is_said_of_the_difference():
    (alone,) = readings({"fid": 2.0, "fid_floor": 1.0, "fid_spread": 0.1})
    (exact,) = readings({"fid": 2.0, "fid_spread": 0.1})
    assert (alone.excess_text, exact.excess_text) == ("", "")


def test_few_sets_widen_the_interval():
    metrics = {
        "wasserstein_2": 0.3,
        "wasserstein_2_spread": 0.1,
        "wasserstein_2_freedom": 7.0,
        "wasserstein_2_floor": 0.1,
        "wasserstein_2_floor_spread": 0.0,
    }
    (reading,) = readings(metrics)
    assert reading.excess_text.startswith("0.20 (95 % interval -0.04 to 0.44)")


def test_the_value_has_an_interval_of_its_own():
    metrics = {"fid": 3.0, "fid_spread": 0.5, "fid_floor": 1.0, "fid_floor_spread": 9.0}
    ends = interval_of("fid", metrics)
    assert ends == pytest.approx({"fid_low": 2.02, "fid_high": 3.98}, abs=1e-3)
    few = interval_of("fid", {**metrics, "fid_freedom": 3.0})
    assert few["fid_high"] == pytest.approx(3.0 + 3.182 * 0.5, abs=1e-3)
    assert interval_of("fid", {"fid": 3.0}) == {}
    assert interval_of("kid", metrics) == {}
    assert [reading.key for reading in readings({**metrics, **ends})] == ["fid"]


def test_shares_differ_by_shares():
    metrics = {
        "confident_share": 0.9,
        "confident_share_spread": 0.01,
        "confident_share_real": 0.98,
        "confident_share_real_spread": 0.0,
    }
    (reading,) = readings(metrics)
    assert reading.excess_text == "-8.0 % (95 % interval -10.0 % to -6.0 %)"


def test_without_metrics_nothing_is_read():
    assert readings({"protocol": {}}) == []


def test_points_lead_with_the_wasserstein_distance():
    names = ("frechet_distance", "wasserstein_2", "sliced_wasserstein_2", "mode_coverage")
    metrics = dict.fromkeys(names, 0.3) | {
        "wasserstein_2_floor": 0.2,
        "two_sample_accuracy": 0.55,
        "two_sample_accuracy_spread": 0.01,
        "two_sample_accuracy_floor": 0.5,
        "protocol": {"extractor": "coordinates"},
    }
    found = readings(metrics)
    assert [reading.key for reading in found] == [
        "wasserstein_2",
        "sliced_wasserstein_2",
        "two_sample_accuracy",
        "mode_coverage",
        "frechet_distance",
    ]
    told = found[2]
    assert (told.text, told.floor_text) == ("55.0 ± 1.0 %", "50.0 %")
    assert found[3].text == "30.0 %"
