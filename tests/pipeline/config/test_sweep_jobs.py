"""The jobs of a sweep, and a look at each before the first one runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config import sweep_jobs


def test_a_sweep_keeps_what_is_the_same_for_every_job(workspace: Path) -> None:
    given = ["seed=1", "schedule=linear,cosine", "training.steps=5,6", "net=mlp"]
    assert sweep_jobs.without_sweeps(workspace, given) == ["seed=1", "net=mlp"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("schedule=linear,cosin", r"unknown schedule 'cosin' \(did you mean 'cosine'\?\)"),
        ("training.step=1,2", r"unknown key 'training.step'"),
        ("training.steps=1,many", r"training.steps must be of the type int"),
    ],
)
def test_each_value_of_a_sweep_is_looked_at_first(
    workspace: Path, text: str, named: str
) -> None:
    with pytest.raises(UserError, match=f"^command line: .*{named}"):
        sweep_jobs.without_sweeps(workspace, [text])


def test_a_key_of_a_chosen_part_can_be_swept(workspace: Path) -> None:
    given = ["schedule=linear", "schedule.beta_end=10,20"]
    assert sweep_jobs.without_sweeps(workspace, given) == given[:1]
    given = ["sampler.eta=0,0.5", "sampler=ddim,ddpm"]
    assert sweep_jobs.without_sweeps(workspace, given) == []
    with pytest.raises(UserError, match=r"unknown key 'sampler\.eta'"):
        sweep_jobs.without_sweeps(workspace, ["sampler=heun", "sampler.eta=0,0.5"])


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
        "seed=1, linear",
        "seed=1, cosine",
        "seed=2, linear",
        "seed=2, cosine",
    ]
    assert list(sweep_jobs.jobs(root, ["sweep=mine", "schedule=sigmoid"])) == [""]
    assert list(sweep_jobs.jobs(root, ["sweep=mine", "schedule=sigmoid,karras"])) == [
        "sigmoid",
        "karras",
    ]


def test_every_job_of_a_sweep_is_looked_at_first(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace
    sweep_jobs.check_jobs(root, ["schedule=zero_terminal", "prediction=v,x_0"])
    with pytest.raises(UserError, match=r"^zero_terminal, eps: prediction, schedule: "):
        sweep_jobs.check_jobs(root, ["schedule=cosine,zero_terminal", "prediction=v,eps"])
    looked = []
    real = sweep_jobs.compose
    monkeypatch.setattr(
        sweep_jobs, "compose", lambda *a, **k: (looked.append(a), real(*a, **k))[1]
    )
    sweep_jobs.check_jobs(root, ["schedule=cosine,linear", "seed=1,2,3"])
    checked = [a for a in looked if "schedule=" in "".join(a[1])]
    assert len(checked) == 2, "seeds make no other combination"
