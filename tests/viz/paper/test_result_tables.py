"""The numbers of the tables are those of the comparison, with the same words."""

from __future__ import annotations

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
    sweep_table,
)


def test_a_run_has_all_its_measures_with_what_real_data_gets():
    metrics = {
        "frechet_distance": 3.2146,
        "frechet_distance_spread": 0.31,
        "frechet_distance_floor": 1.102,
        "bound_bits_per_dim": 2.31,
        "bound_bits_per_dim_se": 0.02,
        "protocol": {"extractor": "classifier"},
        "likelihood": {"bound": {"steps": 1000}},
    }
    table = run_table("digits", metrics)
    assert list(table.rows[0]) == ["Frechet distance (classifier)", "3.21 ± 0.31", "1.10"]
    assert list(table.rows[-1])[:2] == [
        "variational bound of a chain of 1,000 steps (bits/dim)",
        "2.310 ± 0.020",
    ]
    assert table.caption.startswith("Results of digits.")


def test_a_sweep_has_a_column_for_each_measure_and_says_that_they_differ():
    table = sweep_table(compare(test_disagreement.jobs()))
    assert list(table.headings) == [
        "schedule",
        "seeds",
        "Frechet distance (classifier)",
        "bits/dim (bound)",
    ]
    assert [row[0] for row in table.rows] == ["cosine", "sigmoid", "linear"]
    assert table.rows[1][3].startswith("2.6")
    assert list(table.bold) == [0, 1], "cosine and sigmoid are not told apart"
    assert "The measures differ: " in table.caption
    assert "standard deviation over training seeds" in table.caption
    assert "lower is better" in table.caption


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
    table = sweep_table(compare(jobs))
    assert list(table.bold) == []
    assert "Bold" not in table.caption


def test_models_stand_side_by_side_with_their_differences():
    def run(name: str, distance: float) -> Measured:
        protocol = {"extractor": "classifier", "checkpoint": name}
        metrics = {"frechet_distance": distance, "frechet_distance_spread": 0.1}
        return Measured(name, metrics | {"protocol": protocol})

    found = compare_models([run("one", 1.0), run("two", 2.0), run("three", 1.0)])
    table = models_table(found)
    assert list(table.headings)[:3] == ["measure", "one", "two"]
    (row,) = table.rows
    assert len(row) == len(table.headings) == 6
    assert row[:3] == ["Frechet distance (classifier)", "1.00 ± 0.10", "2.00 ± 0.10"]
    assert row[3].startswith("+1 (+0.72")
    assert "one is better than two" in table.caption


def test_samplers_are_listed_with_their_answers():
    (cost,) = sampling_costs(sampled_jobs.jobs(), 0.05)
    table = samplers_table(cost)
    assert table.headings[0] == "sampler"
    assert len(table.rows) == 5
    assert "equivalent" in {row[-1] for row in table.rows}
    assert "two one-sided tests" in table.caption
