"""The jobs of a sweep, and a look at each before the first one runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import DictConfig
from tests.project import ROOT

from snowmelt.common.errors import UserError
from snowmelt.pipeline.compatibility import configuration_rules
from snowmelt.pipeline.config import sweep_jobs
from snowmelt.pipeline.sweep.search import Search


def looked_at(root: Path, *overrides: str) -> list[DictConfig]:
    return sweep_jobs.composed(root, sweep_jobs.jobs(root, overrides))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("schedule=linear,cosin", r"unknown schedule 'cosin' \(did you mean 'cosine'\?\)"),
        ("training.step=1,2", r"unknown key 'training.step'"),
        ("training.steps=1,many", r"training.steps must be a positive integer, at most"),
        ("training.learning_rate=interval(0,1)", "a search of its own"),
        ("schedule=glob(glacier*)", "matches nothing"),
        ("seed=range(0,1000000000)", "gives more than 10,000 jobs"),
        ("sweep=schedules,schedules", "one sweep at a time"),
        ("sweep=schedule", r"unknown sweep 'schedule' \(did you mean 'schedules'\?\)"),
        ("+seed=1,2", "keys can be set, not added or removed"),
    ],
)
def test_each_value_of_a_sweep_is_looked_at_first(
    workspace: Path, text: str, named: str
) -> None:
    with pytest.raises(UserError, match=f"^command line: .*{named}"):
        looked_at(workspace, text)


def test_too_many_jobs_together_are_refused(workspace: Path) -> None:
    with pytest.raises(UserError, match="values together give more than 10,000 jobs"):
        looked_at(workspace, "seed=range(0,200)", "sample.seed=range(0,200)")


def test_a_key_of_a_chosen_part_can_be_swept(workspace: Path) -> None:
    found = looked_at(workspace, "schedule=linear", "schedule.beta_end=10,20")
    assert [config.schedule.beta_end for config in found] == [10, 20]
    found = looked_at(workspace, "sampler.eta=0,0.5", "sampler=ddim,ddpm")
    assert [(c.sampler.eta, c.sampler.steps) for c in found] == [
        *((0, 50), (0, 100)),
        *((0.5, 50), (0.5, 100)),
    ]
    with pytest.raises(UserError, match=r"unknown key 'sampler\.eta'"):
        looked_at(workspace, "sampler=heun", "sampler.eta=0,0.5")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("seed=range(0,3)", ["seed=0", "seed=1", "seed=2"]),
        ("seed=choice(4,2)", ["seed=4", "seed=2"]),
        ("schedule=glob(*cosine)", ["cosine", "improved_cosine"]),
        ("schedule=glob(lin*)", [""]),
    ],
)
def test_hydras_ways_to_give_several_values(
    workspace: Path, text: str, labels: list[str]
) -> None:
    assert list(sweep_jobs.jobs(workspace, [text])) == labels
    assert len(looked_at(workspace, text)) == len(labels)


def test_the_jobs_of_a_sweep(workspace: Path) -> None:
    given = ["seed=1", "schedule=linear,cosine", "training.steps=5,6"]
    assert sweep_jobs.jobs(workspace, given) == {
        f"{name}, training.steps={steps}": [
            "seed=1",
            f"schedule={name}",
            f"training.steps={steps}",
        ]
        for name in ("linear", "cosine")
        for steps in (5, 6)
    }
    assert sweep_jobs.jobs(workspace, ["seed=1"]) == {"": ["seed=1"]}


def test_a_file_of_a_sweep_gives_way_to_the_command_line(workspace: Path) -> None:
    swept = "# @package _global_\nhydra: {sweeper: {params: {schedule: 'linear,cosine'}}}\n"
    root = workspace
    (root / "conf/sweep/mine.yaml").write_text(swept)
    assert list(sweep_jobs.jobs(root, ["sweep=mine"])) == ["linear", "cosine"]
    assert list(sweep_jobs.jobs(root, ["sweep=mine", "seed=1,2"])) == [
        "linear, seed=1",
        "linear, seed=2",
        "cosine, seed=1",
        "cosine, seed=2",
    ]
    assert list(sweep_jobs.jobs(root, ["sweep=mine", "schedule=sigmoid"])) == [""]
    assert list(sweep_jobs.jobs(root, ["sweep=mine", "schedule=sigmoid,karras"])) == [
        "sigmoid",
        "karras",
    ]


LINES = (
    "multirun.jobs=['sampler=ddpm sampler.steps=9','sampler=ddim,heun sampler.steps=2,3']"
)


def test_keys_that_belong_together_stand_in_a_line(workspace: Path) -> None:
    found = sweep_jobs.jobs(workspace, [LINES, "tracking=none"])
    assert list(found) == [
        "ddpm, sampler.steps=9",
        "ddim, sampler.steps=2",
        "ddim, sampler.steps=3",
        "heun, sampler.steps=2",
        "heun, sampler.steps=3",
    ]
    assert found["heun, sampler.steps=2"][:2] == ["sampler=heun", "sampler.steps=2"]
    configs = looked_at(workspace, LINES, "tracking=none")
    assert [config.sampler.steps for config in configs] == [9, 2, 3, 2, 3]


def test_lines_are_combined_with_all_other_values(workspace: Path) -> None:
    found = sweep_jobs.jobs(workspace, [LINES, "seed=0,1"])
    assert len(found) == 10
    assert list(found)[:3] == [
        "ddpm, sampler.steps=9, seed=0",
        "ddpm, sampler.steps=9, seed=1",
        "ddim, sampler.steps=2, seed=0",
    ]


def test_a_typed_key_goes_before_that_of_a_line(workspace: Path) -> None:
    steps = sweep_jobs.jobs(workspace, [LINES, "sampler.steps=4"])
    assert [job[1] for job in steps.values()] == ["sampler.steps=4"] * 3
    # Lines that are equal then are one job.
    one = sweep_jobs.jobs(workspace, [LINES, "sampler=ddim"])
    assert list(one) == [f"ddim, sampler.steps={steps}" for steps in (9, 2, 3)]


def test_a_line_is_written_as_it_would_be_typed(workspace: Path) -> None:
    line = """multirun.jobs=['name="a, b" seed=1']"""
    (config,) = looked_at(workspace, line)
    assert (config.name, config.seed) == ("a, b", 1)


@pytest.mark.parametrize(
    ("jobs", "named"),
    [
        ("[sampler]", r"multirun\.jobs: 'sampler' is not of the form key=value"),
        ("['sampler=ddim sampler=heun']", r"sampler is given twice"),
        ("['sampler=dim']", r"unknown sampler 'dim' \(did you mean 'ddim'\?\)"),
        ("['sampler.stes=5']", r"unknown key 'sampler\.stes'"),
        ("['seed=range(0,1000000000)']", r"more than 10,000 jobs"),
        ("['name=\"a']", r"multirun\.jobs: 'name=\"a': a quote is not closed"),
        ("['sweep=schedules']", r"sweep is of the whole sweep"),
        ("['multirun.margin=0.1,0.2']", r"multirun\.margin is of the whole sweep"),
        ("5", r"multirun\.jobs must be a list, each a text, got 5"),
    ],
)
def test_a_line_that_is_wrong(workspace: Path, jobs: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        looked_at(workspace, f"multirun.jobs={jobs}")


@pytest.mark.parametrize("name", [path.stem for path in (ROOT / "conf/sweep").glob("*")])
def test_every_job_of_the_shipped_sweeps_goes_together(name: str) -> None:
    search = Search.of([f"sweep={name}"], ROOT)
    if search is None:
        assert len(looked_at(ROOT, f"sweep={name}")) > 1
    else:
        assert sweep_jobs.composed(ROOT, search.example)


def test_the_samplers_share_one_training() -> None:
    jobs = sweep_jobs.jobs(ROOT, ["sweep=samplers"])
    assert next(iter(jobs)) == "ddpm, sampler.steps=1000", "what all are compared with"
    keys = {text.partition("=")[0] for job in jobs.values() for text in job}
    assert keys == {"sweep", "sampler", "sampler.steps"}


def test_every_job_of_a_sweep_is_looked_at_first(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace
    looked_at(root, "schedule=zero_terminal", "prediction=v,x_0")
    with pytest.raises(UserError, match=r"^zero_terminal, eps: prediction, schedule: "):
        looked_at(root, "schedule=cosine,zero_terminal", "prediction=v,eps")
    checked = []
    monkeypatch.setattr(configuration_rules, "check", lambda c, *_: checked.append(c))
    assert len(looked_at(root, "schedule=cosine,linear", "seed=1,2,3")) == 6
    assert len(checked) == 2, "seeds make no other combination"
