"""Nothing is ranked that chance, or another protocol, could explain."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.evaluation.catalogue import METRICS
from snowmelt.evaluation.comparison import Job, compare
from snowmelt.evaluation.comparison.compared_jobs import Group
from snowmelt.evaluation.comparison.verdicts import Verdicts


def job(schedule: str, seed: int, value: float, **changes: Any) -> Job:
    spread, freedom = changes.pop("spread", None), changes.pop("freedom", None)
    metrics = {"frechet_distance": value, "frechet_distance_floor": 1.0}
    if spread is not None:
        metrics["frechet_distance_spread"] = spread
    if freedom is not None:
        metrics["frechet_distance_freedom"] = freedom
    settings: dict[str, Any] = {"metrics": metrics, "protocol": "p" * 64, **changes}
    return Job(f"{schedule}-{seed}", {"schedule": schedule, "seed": seed}, **settings)


def jobs(**values: list[float]) -> list[Job]:
    return [
        job(name, seed, value)
        for name, found in values.items()
        for seed, value in enumerate(found)
    ]


def test_seeds_of_one_setting_are_one_group():
    comparison = compare(jobs(linear=[6.0, 6.2, 6.4], cosine=[3.0, 3.2, 3.4]))
    assert [group.label for group in comparison.groups] == ["cosine", "linear"]
    cosine = comparison.groups[0]
    assert cosine.count == 3
    assert cosine.mean == pytest.approx(3.2)
    assert cosine.over_seeds == pytest.approx(0.2)
    assert comparison.key == "schedule"
    assert comparison.floor == 1.0


def test_a_clear_difference_is_ranked_and_a_small_one_is_not():
    comparison = compare(
        jobs(linear=[6.0, 6.2, 6.6], cosine=[3.0, 3.2, 3.4], sigmoid=[3.1, 3.2, 3.6])
    )
    assert [group.rank for group in comparison.groups] == [1, 1, 3]
    cosine, sigmoid, linear = (group.verdict for group in comparison.groups)
    assert cosine == "lowest, not told apart from sigmoid"
    assert re.fullmatch(r"not told apart from cosine: 0.9\d+ to 1.\d+ times", sigmoid)
    assert re.fullmatch(r"1.9\d times cosine \(1.\d+ to 2.\d+\)", linear)
    assert comparison.summary.startswith(
        "Cosine is better than linear; cosine and sigmoid were not told apart (3 seeds"
        " each, paired by seed; intervals of 95%, 3 comparisons at once). A difference of a"
        " factor of"
    )
    assert "would have been found in four of five such sweeps" in comparison.summary


def test_the_seeds_that_a_smaller_difference_needs_are_told():
    said = compare(jobs(a=[2.0, 4.0, 3.0], b=[3.1, 2.2, 4.0])).summary
    assert "A and b were not told apart" in said
    assert re.search(r"factor of \S+ would have been .* one of 10% needs \d+ seeds", said)


def test_shares_are_told_as_differences():
    """They are told in per cent, and so is what is between them."""
    found = [
        replace(one, metrics={"class_deviation": one.metrics["frechet_distance"]})
        for one in jobs(a=[0.10, 0.11], b=[0.30, 0.312])
        if one.metrics
    ]
    worse = compare(found, "class_deviation").groups[1]
    assert worse.label == "b"
    assert re.fullmatch(r"worse than a by 0.20\d \(0.18\d to 0.21\d\)", worse.verdict)


def test_a_seed_of_the_sampling_is_no_seed_of_the_training():
    """Two equal settings came out as different in 86 % when it was."""
    found = [
        Job(
            f"{schedule}-{seed}",
            {"schedule": schedule, "seed": "0", "sample.seed": str(seed)},
            metrics={"frechet_distance": value + 0.01 * seed},
            protocol="p",
        )
        for schedule, value in (("a", 3.0), ("b", 4.0))
        for seed in range(5)
    ]
    comparison = compare(found)
    assert [group.count for group in comparison.groups] == [1, 1]
    assert [group.rank for group in comparison.groups] == [None, None]
    assert comparison.groups[0].mean == pytest.approx(3.02)
    assert "better" not in comparison.summary
    assert "A and b have one seed" in comparison.summary


def test_samples_of_one_training_count_once_beside_other_seeds():
    again = replace(
        job("a", 0, 5.0), overrides={"schedule": "a", "seed": 0, "sample.seed": 1}
    )
    comparison = compare([*jobs(a=[3.0, 6.0], b=[9.0, 9.5]), again])
    assert comparison.groups[0].by_seed == {"0": 4.0, "1": 6.0}


def test_one_seed_each_is_about_two_runs():
    within = compare([job("a", 0, 3.0, spread=0.5), job("b", 0, 4.0, spread=0.5)])
    assert within.groups[1].verdict == "not told apart from a's run (one seed)"
    beyond = compare([job("a", 0, 3.0, spread=0.5), job("b", 0, 4.5, spread=0.5)])
    assert beyond.groups[1].verdict == "higher than a by 1.50 in these runs (one seed)"
    assert [group.rank for group in beyond.groups] == [None, None]
    assert "better" not in beyond.summary
    assert "says nothing about another seed" in beyond.summary


def test_one_setting_with_seeds_beside_single_runs_is_not_ranked():
    comparison = compare([*jobs(a=[3.0, 3.1]), job("b", 0, 9.0, spread=0.1)])
    assert [group.rank for group in comparison.groups] == [None, None]
    assert comparison.groups[1].verdict == "higher than a by 5.95 in these runs (one seed)"
    assert "better" not in comparison.summary


def test_many_runs_are_many_chances():
    """The more runs there are, the further off is the worst by chance."""
    few = [job("a", 0, 3.0, spread=0.5), job("b", 0, 4.5, spread=0.5)]
    more = [job(f"c{n}", 0, 3.5, spread=0.5) for n in range(6)]
    found = {group.label: group.verdict for group in compare([*few, *more]).groups}
    assert found["b"] == "not told apart from a's run (one seed)"


def test_errors_of_a_few_sets_have_students_quantiles():
    # 2.12 errors apart: beyond the normal 1.96, within the 2.14 of 14 degrees of freedom.
    runs = [job("a", 0, 3.0, spread=0.5), job("b", 0, 4.5, spread=0.5)]
    assert compare(runs).groups[1].verdict.startswith("higher than a by 1.50")
    few = [
        job(name, 0, value, spread=0.5, freedom=7)
        for name, value in (("a", 3.0), ("b", 4.5))
    ]
    comparison = compare(few)
    assert comparison.groups[0].freedom == 7
    assert comparison.groups[1].verdict == "not told apart from a's run (one seed)"


@pytest.mark.parametrize("runs", [2, 4, 8])
def test_equal_runs_are_told_apart_one_time_in_twenty(runs):
    """Of eight sets each; with normal quantiles in 7, 9 and 13 %."""
    random, tries = np.random.default_rng(0), 2000
    sets = random.normal(10.0, 1.0, (tries, runs, 8))
    errors = sets.std(axis=2, ddof=1) / 8**0.5
    apart = 0
    for means, spreads in zip(sets.mean(axis=2).tolist(), errors.tolist(), strict=True):
        groups = [
            Group(str(place), [], {"0": mean}, spread, 7)
            for place, (mean, spread) in enumerate(zip(means, spreads, strict=True))
        ]
        said = Verdicts(groups, METRICS["frechet_distance"]).groups()
        apart += any("higher" in group.verdict for group in said)
    assert 0.02 < apart / tries < 0.05 + 3 * (0.05 * 0.95 / tries) ** 0.5


def test_one_seed_each_without_spread_proves_nothing():
    comparison = compare([job("a", 0, 1.0), job("b", 0, 100.0)])
    assert [group.rank for group in comparison.groups] == [None, None]
    assert comparison.groups[1].verdict == "not told apart from a's run (one seed)"
    none = compare([job("a", 0, 1.0, spread=0.0), job("b", 0, 100.0, spread=0.0)])
    assert none.groups[1].verdict == "not told apart from a's run (one seed)"


def test_a_single_seed_stands_behind_those_with_several_and_gets_no_verdict():
    single = job("c", 0, 1.0, spread=0.01)
    comparison = compare([*jobs(a=[3.0, 3.1], b=[6.0, 6.3]), single])
    assert [group.label for group in comparison.groups] == ["a", "b", "c"]
    assert [group.rank for group in comparison.groups] == [1, 2, None]
    assert comparison.groups[2].verdict == "lowest of these runs (one seed)"
    assert comparison.summary.startswith("A is better than b (2 seeds each")
    assert "C has one seed: what is seen is of the run" in comparison.summary


def test_different_protocols_are_never_ranked_nor_sorted():
    found = [job("bad", 0, 9.0, protocol="x" * 64), job("good", 0, 1.0, protocol="y" * 64)]
    comparison = compare(found)
    assert "different protocols" in comparison.problem
    assert [group.label for group in comparison.groups] == ["bad", "good"]
    assert all(group.rank is None and not group.verdict for group in comparison.groups)
    assert comparison.summary.startswith("Not ranked")


def test_an_unknown_protocol_is_not_ranked():
    comparison = compare([job("a", 0, 1.0), job("b", 0, 2.0, protocol=None)])
    assert "the protocol of b-0 is not known" in comparison.problem


def test_failed_jobs_stand_aside_and_stop_nothing():
    broken = job("sigmoid", 0, 0.0, status="failed", metrics=None, error="Boom: no\nmore")
    silent = job("sigmoid", 1, 0.0, metrics=None)
    comparison = compare([*jobs(cosine=[3.0, 3.1], linear=[6.0, 6.1]), broken, silent])
    assert [group.label for group in comparison.groups] == ["cosine", "linear"]
    assert [failed.reason for failed in comparison.failed] == [
        "Boom: no",
        "no metrics were written",
    ]
    assert not comparison.problem


def test_when_all_failed_that_is_the_outcome():
    comparison = compare([job("a", 0, 0.0, status="failed", error="x")])
    assert comparison.groups == []
    assert comparison.summary == "Not ranked: no job finished."


def test_metrics_that_not_all_have_do_not_rank():
    other = job("b", 0, 1.0, metrics={"kernel_distance": 0.1})
    comparison = compare([job("a", 0, 1.0), other])
    assert "no distance" in comparison.problem


def test_fid_ranks_where_it_was_measured():
    metrics = {"fid": 9.0, "kid": 0.1}
    comparison = compare([Job("a", {"schedule": "a"}, metrics=metrics, protocol="p")])
    assert comparison.metric_label == "FID"
    assert "nothing to compare" in comparison.summary


def test_labels_name_only_what_differs():
    several = [
        Job("a", {"schedule": "cosine", "net": "mlp", "training.steps": 5}),
        Job("b", {"schedule": "cosine", "net": "unet", "training.steps": 5}),
        Job("c", {"schedule": "linear", "net": "mlp", "training.steps": 5}),
    ]
    finished = [
        Job(j.name, j.overrides, metrics={"fid": 1.0}, protocol="p") for j in several
    ]
    labels = [group.label for group in compare(finished).groups]
    assert labels == ["net=mlp schedule=cosine", "net=mlp schedule=linear",
                      "net=unet schedule=cosine"]  # fmt: skip
    only_seeds = compare(jobs(cosine=[1.0, 2.0]))
    assert [group.label for group in only_seeds.groups] == ["default"]


def test_nothing_to_compare_is_a_mistake():
    with pytest.raises(UserError, match="no jobs"):
        compare([])
