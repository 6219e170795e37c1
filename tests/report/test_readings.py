from __future__ import annotations

import math

from snowmelt.report.readings import extractor_name, readings, sentences

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


def test_sentences_say_how_far_and_what_real_data_gets():
    said = sentences(METRICS, 1000)
    assert said[0].startswith("1,000 samples against the training split")
    assert "3.21 ± 0.29" in said[0]
    assert "1.10" in said[1]
    assert "2.9 times as far" in said[1]
    assert "91.2 % of the samples and of 97.1 % of real ones" in said[2]


def test_a_distance_at_the_floor_is_said_to_be_there():
    said = sentences({"fid": 1.3, "fid_spread": 0.25, "fid_floor": 1.1}, 10)
    assert "cannot be told from real data" in said[1]
    said = sentences({"fid": 1.4, "fid_spread": 0.25, "fid_floor": 1.1}, 10)
    assert "1.3 times as far" in said[1]


def test_without_metrics_nothing_is_said():
    assert sentences({}, 10) == []
    assert readings({"protocol": {}}) == []
