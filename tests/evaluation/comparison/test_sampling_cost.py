"""Samplers of one model side by side: cost, quality, and whether they are as good."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from tests.evaluation.comparison.sampled_jobs import job, jobs

from snowmelt.evaluation.comparison import Job, cost_table, sampling_costs
from snowmelt.evaluation.comparison.equivalence import Answer
from snowmelt.evaluation.comparison.sampling_cost_table import (
    COLUMNS,
    cost_csv,
    cost_dict,
    rounded_up,
    summary,
)


def test_each_sampler_is_compared_with_the_first() -> None:
    (cost,) = sampling_costs(jobs(), 0.05)
    assert cost.reference.label == "ddpm, 1000 steps"
    assert [(one.label, one.answer) for one in cost.others] == [
        ("ddim, 10 steps", Answer.DIFFERENT),
        ("ddim, 50 steps", Answer.EQUIVALENT),
        ("unipc, 10 steps", Answer.UNKNOWN),
        ("unipc, 20 steps", Answer.EQUIVALENT),
    ]
    assert [cost.speed(one) for one in cost.all] == [1.0, 100.0, 20.0, 100.0, 50.0]
    assert cost.floor is not None
    assert cost.floor.value == 0.7
    assert cost.fastest is not None
    assert cost.fastest.label == "unipc, 20 steps"
    assert cost.reference.answer is None
    assert cost.needed(cost.reference) is None


def test_the_margin_is_a_setting() -> None:
    (cost,) = sampling_costs(jobs(), margin=0.6)
    assert {one.answer for one in cost.others} == {Answer.EQUIVALENT}
    assert cost.fastest is not None
    assert cost.fastest.label == "ddim, 10 steps"


def test_without_seconds_the_evaluations_are_the_cost() -> None:
    (cost,) = sampling_costs([replace(one, sampling_seconds=None) for one in jobs()], 0.05)
    assert not cost.is_timed
    assert cost.fastest is not None
    assert cost.fastest.label == "unipc, 20 steps"
    assert cost.speed(cost.fastest) is None
    head = cost_table(cost).splitlines()[0]
    assert "seconds" not in head
    assert "speed" not in head


def test_sampling_seeds_of_one_sampler_are_one_line() -> None:
    other = job("9", "ddim", 50, 1.03, seconds=35.0, protocol={"sample_seed": 1})
    (cost,) = sampling_costs([*jobs(), other], 0.05)
    (one,) = [one for one in cost.others if one.label == "ddim, 50 steps"]
    assert one.count == 2000
    assert one.seconds == 60.0
    assert one.distance.value == pytest.approx(1.02)
    assert one.distance.error == pytest.approx(0.01 / 2**0.5)


def test_settings_of_a_sampler_are_in_its_name() -> None:
    found = [*jobs(), job("9", "ddim", 50, 1.0, sampler__eta="0.5", grid="karras",
                          sample__num_samples="1000", seed="0",
                          protocol={"sampler": {"eta": 0.5}})]  # fmt: skip
    (cost,) = sampling_costs(found, 0.05)
    assert "ddim grid=karras eta=0.5, 50 steps" in [one.label for one in cost.others]


def of_training(seed: str) -> list[Job]:
    """The same jobs of another model."""
    found = []
    for one in jobs():
        metrics = dict(one.metrics or {})
        changes = {"checkpoint": seed, "samples_digest": f"{one.name} {seed}"}
        metrics["protocol"] = metrics["protocol"] | changes
        overrides = {**one.overrides, "seed": seed}
        name = f"{one.name} {seed}"
        found.append(replace(one, name=name, overrides=overrides, metrics=metrics))
    return found


def test_each_model_has_a_table_of_its_own() -> None:
    both = [*of_training("0"), *of_training("1")]
    costs = sampling_costs(both, 0.05)
    assert [cost.training for cost in costs] == ["seed=0", "seed=1"]
    assert [len(cost.others) for cost in costs] == [4, 4]
    assert cost_table(costs[1]).startswith("seed=1\n")


@pytest.mark.parametrize(
    "found",
    [
        [],
        [job("0", "ddpm", 1000, 1.0)],
        [job("0", "ddpm", 9, 1.0), job("1", "ddpm", 9, 1.0, protocol={"sample_seed": 1})],
        [job("0", "ddpm", 9, 1.0), job("1", "ddim", 9, 1.0, protocol={"n": 90})],
        [job("0", "ddpm", 9, 1.0), job("1", "ddim", 9, 1.0, protocol={"checkpoint": "d"})],
        [Job("0", {}, "failed", "x"), Job("1", {}, metrics={"fid": 1.0})],
    ],
    ids=["none", "one", "seeds", "protocols", "models", "unmeasured"],
)
def test_other_sweeps_have_no_table_of_samplers(found: list[Job]) -> None:
    assert sampling_costs(found, 0.05) == []


def test_a_failed_job_is_no_reference() -> None:
    first, *rest = jobs()
    (cost,) = sampling_costs([replace(first, status="failed"), *rest], 0.05)
    assert cost.reference.label == "ddim, 50 steps"


def test_the_table() -> None:
    (cost,) = sampling_costs(jobs(), 0.05)
    text = cost_table(cost)
    head, _, chain, worse, alike, unknown, _ = text.splitlines()[:7]
    for title, cells in (
        ("evaluations", ("1,000", "10", "50", "10")),
        ("seconds", ("500", "5", "25", "5")),
        ("speed", ("1.0 x", "100 x", "20 x", "100 x")),
        ("Frechet distance", ("1.000 ± 0.010", "1.400", "1.010", "1.030 ± 0.020")),
        ("like ddpm, 1000 steps", ("-", "different: worse", "equivalent", "not known: ")),
    ):
        column = head.index(title)
        for line, cell in zip((chain, worse, alike, unknown), cells, strict=True):
            assert line[column:].startswith(cell), (title, line)
    assert "A perfect model: 0.700 ± 0.020." in text
    assert "within 5% of the first" in text
    # 0.05 of the 0.3 that lie between 1.0 and the floor.
    assert "The margin is 0.0500, 17% of what ddpm, 1000 steps has above" in text
    assert "The margin" not in cost_table(replace(cost, floor=None))


def test_the_sentence() -> None:
    (cost,) = sampling_costs(jobs(), 0.05)
    said = summary(cost)
    assert said.startswith(
        "2 of 4 are equivalent to ddpm, 1000 steps; the fastest is unipc, 20 steps, 50"
        " times as fast. Of 1 it is not known: "
    )
    assert "one in 20 is called equivalent" in said
    needed = cost.needed(cost.others[2])
    assert needed is not None
    assert f"{rounded_up(needed)} samples of each" in said
    none = summary(sampling_costs([jobs()[0], jobs()[2]], 0.05)[0])
    assert none == "No sampler was shown to be equivalent to ddpm, 1000 steps."


def test_intervals_of_a_few_sets_have_students_quantiles() -> None:
    found = jobs()
    for one in found:
        assert isinstance(one.metrics, dict)
        one.metrics["frechet_distance_freedom"] = 7
        one.metrics["frechet_distance_floor_freedom"] = 7
    (cost,) = sampling_costs(found, 0.05)
    row = next(csv.DictReader(io.StringIO(cost_csv([cost]))))
    assert float(row["high"]) == pytest.approx(1.0 + 0.01 * 2.36462, abs=1e-6)
    assert cost.floor is not None
    assert cost.floor.half_width == pytest.approx(0.02 * 2.36462, abs=1e-6)
    assert replace(cost.floor, error=None).half_width is None


def test_csv_and_json_hold_it_all() -> None:
    costs = sampling_costs(jobs(), 0.05)
    rows = list(csv.DictReader(io.StringIO(cost_csv(costs))))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["answer"] for row in rows] == [
        "reference", "different", "equivalent", "not known", "equivalent",
    ]  # fmt: skip
    assert float(rows[2]["low"]) == pytest.approx(1.01 - 0.0196)
    assert rows[0]["ratio"] == rows[0]["samples_needed"] == ""
    assert int(rows[3]["samples_needed"]) > 1000
    assert list(csv.DictReader(io.StringIO(cost_csv([])))) == []
    found = json.loads(json.dumps(cost_dict(costs[0]), allow_nan=False))
    assert found["fastest_equivalent"] == "unipc, 20 steps"
    assert len(found["samplers"]) == 5


@pytest.mark.parametrize(
    ("count", "text"), [(7, "7"), (99, "99"), (101, "110"), (4210, "4,300"), (100, "100")]
)
def test_counts_are_rounded_up(count: int, text: str) -> None:
    assert rounded_up(count) == text
