"""The numbers by which DVC compares experiments."""

from __future__ import annotations

import json

from tests.project import ROOT

from snowmelt.evaluation.summary import summary


def test_it_is_the_ranking_metric_with_its_floor_and_bits() -> None:
    measured = {
        "coverage": 1.0,
        "frechet_distance": 2.0,
        "frechet_distance_floor": 1.5,
        "frechet_distance_spread": 0.1,
        "ode_bits_per_dim": 3.0,
        "bound_bits_per_dim": 3.1,
        "protocol": {"n": 5},
    }
    assert summary(measured) == {
        "frechet_distance": 2.0,
        "frechet_distance_floor": 1.5,
        "bound_bits_per_dim": 3.1,
    }


def test_what_was_not_measured_is_left_out() -> None:
    assert summary({}) == {}
    assert summary({"ode_bits_per_dim": 3.0}) == {"ode_bits_per_dim": 3.0}
    assert summary({"frechet_distance": 2.0}) == {"frechet_distance": 2.0}


def test_the_committed_numbers_are_of_one_run() -> None:
    metrics, short = (
        json.loads((ROOT / "reports" / name).read_text(encoding="utf-8"))
        for name in ("metrics.json", "summary.json")
    )
    assert summary(metrics) == short
