"""A search proposes within its intervals, learns, and proposes the same when it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from snowmelt.common.errors import UserError
from snowmelt.evaluation.comparison import Job
from snowmelt.pipeline.config.multirun_settings import MultirunSettings
from snowmelt.pipeline.sweep import search
from snowmelt.pipeline.sweep.planned_jobs import PlannedJobs
from snowmelt.pipeline.sweep.search import Search
from snowmelt.pipeline.sweep.tasks import Outcome

ENDS = ("schedule=cosine", "schedule.log_snr_max=interval(4,14)")
PROTOCOL = {"extractor": "random_conv", "n": 10}


class FakeRuns:
    """Jobs whose distance is known: the least is at log_snr_max = 9."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def outcomes(self, planned: PlannedJobs) -> list[Outcome]:
        self.tried += list(planned.given)
        return [
            Outcome("diverged" if "seed=13" in job else "")
            for job in planned.given.values()
        ]


def distance(told: Sequence[str]) -> float:
    values = dict(text.split("=", 1) for text in told)
    bonus = 0.5 if values.get("prediction") == "eps" else 0.0
    shift = {"1": 0.2}.get(values.get("seed", "0"), 0.0)
    return 3 + abs(float(values["schedule.log_snr_max"]) - 9) + bonus + shift


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(planned: PlannedJobs, outcomes: Sequence[Outcome]) -> list[Job]:
        found = []
        for (name, told), outcome in zip(planned.given.items(), outcomes, strict=True):
            metrics: dict[str, Any] = {
                "frechet_distance": distance(told),
                "protocol": PROTOCOL,
            }
            status = "failed" if outcome.error else "finished"
            found.append(Job(name, {}, status, metrics=metrics, protocol="p"))
        return found

    monkeypatch.setattr(search, "ended", ended)


def searched(
    root: Path, *overrides: str, launcher: str = "serial", trials: int = 10, first: int = 4
) -> tuple[Search, list[str]]:
    found = Search.of(overrides, root)
    assert found is not None
    runs: Any = FakeRuns()
    section = {"launcher": launcher, "search": {"trials": trials, "first": first}}
    planned, outcomes = found.run(runs, MultirunSettings.of(section))
    assert list(planned.given) == runs.tried
    assert len(outcomes) == len(runs.tried)
    return found, runs.tried


def test_it_learns_and_goes_on_with_the_same(workspace: Path) -> None:
    found, tried = searched(workspace, *ENDS)
    assert len(set(tried)) == found.tried == 10
    values = [float(name.partition("=")[2]) for name in tried]
    assert all(4 <= value <= 14 for value in values)
    assert found.best is not None
    assert found.best[1] == min(3 + abs(value - 9) for value in values)
    assert f"schedule.log_snr_max={found.best[0]['schedule.log_snr_max']}" in found.said
    assert searched(workspace, *ENDS)[1] == tried
    assert searched(workspace, *ENDS, trials=4)[1] == tried[:4], "stopped, and more later"


@pytest.mark.slow
def test_the_seeds_of_a_proposal_count_together(workspace: Path) -> None:
    found, tried = searched(workspace, *ENDS, "seed=0,1", trials=3)
    assert len(tried) == 6
    assert tried[0].endswith(", seed=0")
    assert tried[1].endswith(", seed=1")
    assert found.best is not None
    ends = {name.partition(",")[0].partition("=")[2] for name in tried}
    assert found.best[1] == pytest.approx(min(3.1 + abs(float(e) - 9) for e in ends))


@pytest.mark.slow
def test_other_values_are_choices_and_whole_numbers_stay_whole(workspace: Path) -> None:
    given = ("sampler.steps=int(interval(2,9))", "prediction=v,eps")
    _, tried = searched(workspace, *ENDS, *given)
    assert len(tried) == 10
    steps = [name.partition("sampler.steps=")[2].partition(",")[0] for name in tried]
    assert all(2 <= int(one) <= 9 for one in steps)
    assert {name.rpartition("prediction=")[2] for name in tried} == {"v", "eps"}


def test_several_at_once_are_proposed_together(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[int] = []
    outcomes = FakeRuns.outcomes
    monkeypatch.setattr(
        FakeRuns,
        "outcomes",
        lambda runs, planned: rounds.append(len(planned.given)) or outcomes(runs, planned),
    )
    searched(workspace, *ENDS, launcher="joblib", trials=5)
    assert rounds == [2, 2, 1]


def test_a_trial_that_fails_is_not_the_best(workspace: Path) -> None:
    found, _ = searched(workspace, *ENDS, "seed=13", trials=2)
    assert found.best is None
    assert "no trial has finished" in found.said


def test_what_goes_together_nowhere_is_left_out(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    searched(workspace, *ENDS, "schedule.log_snr_min=interval(3,13)", trials=8)
    assert "left out: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("schedule.log_snr_max=interval(14,4)", "from a smaller number to a larger"),
        ("schedule.log_snr_max=tag(log,interval(-1,4))", "begins above 0"),
    ],
)
def test_an_interval_that_is_none(workspace: Path, override: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Search.of([override], workspace)


def test_without_an_interval_nothing_is_searched(workspace: Path) -> None:
    assert Search.of(["seed=0,1", "schedule=glob(*)"], workspace) is None
