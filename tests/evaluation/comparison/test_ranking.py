"""Nothing is ranked that chance, or another protocol, could explain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from snowmelt.common.errors import UserError
from snowmelt.evaluation.comparison import Job, compare
from snowmelt.evaluation.comparison.compared_jobs import Group
from snowmelt.evaluation.comparison.ranking import are_apart


def job(schedule: str, seed: int, value: float, **changes: Any) -> Job:
    spread = changes.pop("spread", None)
    metrics = {"frechet_distance": value, "frechet_distance_floor": 1.0}
    if spread is not None:
        metrics["frechet_distance_spread"] = spread
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
        jobs(linear=[6.0, 6.2, 6.4], cosine=[3.0, 3.2, 3.4], sigmoid=[3.1, 3.3, 3.5])
    )
    assert [group.rank for group in comparison.groups] == [1, 1, 3]
    assert [group.verdict for group in comparison.groups] == [
        "lowest, but indistinguishable from sigmoid",
        "indistinguishable from cosine",
        "worse than cosine by 3.00",
    ]
    assert comparison.summary == (
        "Cosine is better than linear; cosine and sigmoid are indistinguishable."
    )


@pytest.mark.parametrize("gap", [0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 2.0])
@pytest.mark.parametrize("counts", [(2, 2), (3, 5), (4, 2)])
def test_with_seeds_on_both_sides_it_is_welchs_test(gap: float, counts: tuple[int, int]):
    rng = np.random.default_rng(1)
    one = (0.2 * rng.standard_normal(counts[0])).tolist()
    two = (gap + 0.1 * rng.standard_normal(counts[1])).tolist()
    expected = stats.ttest_ind(one, two, equal_var=False).pvalue < 0.05
    assert are_apart(Group("a", [], one), Group("b", [], two)) == expected


def test_equal_seeds_without_any_spread_are_apart_only_if_they_differ():
    same = Group("a", [], [1.0, 1.0])
    assert not are_apart(same, Group("b", [], [1.0, 1.0]))
    assert are_apart(same, Group("b", [], [1.1, 1.1]))


def test_one_seed_each_needs_more_than_the_known_spread():
    within = compare([job("a", 0, 3.0, spread=0.5), job("b", 0, 4.0, spread=0.5)])
    assert within.groups[1].verdict == "indistinguishable from a (one seed)"
    beyond = compare([job("a", 0, 3.0, spread=0.5), job("b", 0, 4.5, spread=0.5)])
    assert beyond.groups[1].verdict == "higher than a by 1.50 (one seed)"
    assert "better" not in beyond.summary
    assert "says nothing about another seed" in beyond.summary


def test_one_seed_each_without_spread_proves_nothing():
    comparison = compare([job("a", 0, 1.0), job("b", 0, 100.0)])
    assert [group.rank for group in comparison.groups] == [1, 1]
    assert "indistinguishable" in comparison.summary


def test_a_single_seed_is_trusted_no_more_than_the_seeds_of_the_other_side():
    many = Group("many", [], [2.0, 3.0, 4.0])  # spread over seeds 1, error of the mean 0.58
    bound = 1.96 * np.hypot(1.0, 1.0 / np.sqrt(3))
    assert not are_apart(many, Group("one", [], [3.0 + 0.99 * bound], resampling=0.01))
    assert are_apart(many, Group("one", [], [3.0 + 1.01 * bound], resampling=0.01))


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
