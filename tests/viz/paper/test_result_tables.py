"""The numbers of the tables are those of the comparison, with the same words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from tests.evaluation.comparison import sampled_jobs, test_disagreement

from snowmelt.evaluation.comparison import (
    Job,
    Measured,
    compare,
    compare_models,
    sampling_costs,
)
from snowmelt.viz.paper.result_tables import (
    models_table,
    run_table,
    samplers_table,
    sweep_tables,
)


def test_a_run_has_all_its_measures_with_what_real_data_gets():
    metrics = {
        "frechet_distance": 3.2146,
        "frechet_distance_spread": 0.3,
        "frechet_distance_floor": 1.102,
        "frechet_distance_floor_spread": 0.4,
        "bound_bits_per_dim": 2.31,
        "bound_bits_per_dim_se": 0.02,
        "protocol": {"extractor": "classifier"},
        "likelihood": {"bound": {"steps": 1000}},
    }
    table = run_table("digits", metrics)
    assert [*zip(table.headings, table.rows[0], strict=True)] == [
        ("measure", "Frechet distance (classifier)"),
        ("value", "3.21 ± 0.30"),
        ("real data", "1.10 ± 0.40"),
        ("difference (95 % interval)", "2.11 (1.13 to 3.09)"),  # 1.96 times 0.5
        ("detectable", "1.40"),  # (1.96 + 0.84) times 0.5
    ]
    assert list(table.rows[-1])[:2] == [
        "variational bound of a chain of 1,000 steps (bits/dim)",
        "2.310 ± 0.020",
    ]
    assert {len(row) for row in table.rows} == {5}
    assert table.caption.startswith("Results of digits.")


def test_a_number_without_its_error_has_no_interval():
    table = run_table("digits", {"frechet_distance": 3.2, "frechet_distance_floor": 1.1})
    assert table.rows == [["Frechet distance (features)", "3.20", "1.10", "", ""]]


def test_a_sweep_has_values_and_verdicts_by_each_measure():
    found = compare(test_disagreement.jobs())
    values, verdicts = sweep_tables(found)
    measures = ["Frechet distance (classifier)", "bits/dim (bound)"]
    assert list(values.headings) == ["schedule", "seeds", *measures]
    assert list(verdicts.headings) == ["schedule", *measures]
    assert [row[0] for row in values.rows] == ["cosine", "sigmoid", "linear"]
    assert values.rows[1][3].startswith("2.6")
    assert "standard deviation over seeds" in values.caption
    assert "lower is better" in values.caption
    assert sorted(values.bold) == [(0, 2), (1, 2), (1, 3)], "tied by distance, not by bits"
    assert verdicts.rows[1][2] == "lowest"
    assert verdicts.rows[2][1].endswith(found.groups[2].verdict)
    assert verdicts.rows[0][2].startswith("worse than sigmoid by 0.700 (")


def test_nothing_is_bold_where_nothing_is_worse():
    jobs = [
        Job(
            f"{name}{seed}",
            {"schedule": name, "seed": seed},
            metrics={"frechet_distance": 3.0 + seed},
            protocol="p",
        )
        for name in "ab"
        for seed in range(2)
    ]
    values, _ = sweep_tables(compare(jobs))
    assert list(values.bold) == []
    assert "Bold" not in values.caption


def model(name: str, distance: float, **protocol: Any) -> Measured:
    said = {"extractor": "classifier", "checkpoint": name, **protocol}
    metrics = {"frechet_distance": distance, "frechet_distance_spread": 0.1}
    return Measured(name, metrics | {"protocol": said})


def test_models_stand_side_by_side_with_their_differences():
    found = compare_models([model("one", 1.0), model("two", 2.0), model("three", 1.0)])
    table = models_table(found)
    assert list(table.headings)[:3] == ["measure", "one", "two"]
    (row,) = table.rows
    assert len(row) == len(table.headings) == 8
    assert row[:3] == ["Frechet distance (classifier)", "1.00 ± 0.10", "2.00 ± 0.10"]
    assert row[3].startswith("+1 (+0.72")
    assert row[4] == "0.396"  # (1.96 + 0.84) times the root of 2, times 0.1


def test_a_measure_of_models_stands_with_its_unit():
    likelihood = {"bound_bits_per_dim": 2.0, "bound_bits_per_dim_se": 0.01}
    terms = {"likelihood": {"bound": {"steps": 1000}}}
    runs = [
        replace(one, metrics={**one.metrics, **likelihood, **terms})
        for one in (model("one", 1.0), model("two", 2.0))
    ]
    names = [row[0] for row in models_table(compare_models(runs)).rows]
    assert "variational bound of a chain of 1,000 steps (bits/dim)" in names


def test_a_difference_in_pairs_is_marked_and_the_mark_explained():
    """Its interval is narrower than the errors of both values would make it."""
    errors = np.array([0.1, -0.1, 0.2, -0.2])
    runs = [
        replace(
            model(name, 1.0),
            metrics={**model(name, 1.0).metrics, "bound_bits_per_dim": mean}
            | {"bound_bits_per_dim_se": 0.1, "likelihood": {"bound": {"steps": 9}}},
            by_example={"bound_bits_per_dim": mean + errors * size},
        )
        for name, mean, size in (("one", 2.0, 1.0), ("two", 2.5, 1.1))
    ]
    table = models_table(compare_models(runs))
    marked = {row[0]: row[3].endswith(" *") for row in table.rows}
    assert marked == {
        "Frechet distance (classifier)": False,
        "variational bound of a chain of 9 steps (bits/dim)": True,
    }
    assert "*: in pairs" in table.caption
    alone = models_table(compare_models([model("one", 1.0), model("two", 2.0)]))
    assert "pairs" not in alone.caption


def test_one_model_under_several_sampling_seeds_has_their_mean():
    runs = [
        replace(model("c", 1.0, sample_seed=0), name="one"),
        replace(model("c", 2.0, sample_seed=1), name="two"),
    ]
    table = models_table(compare_models(runs))
    assert table.rows == [["Frechet distance (classifier)", "1.500 ± 0.071"]]


def test_samplers_are_listed_with_their_answers():
    (cost,) = sampling_costs(sampled_jobs.jobs(), 0.05)
    table = samplers_table(cost)
    assert table.headings[0] == "sampler"
    assert len(table.rows) == 5
    assert "equivalent" in {row[-1] for row in table.rows}
    assert "two one-sided tests" in table.caption
