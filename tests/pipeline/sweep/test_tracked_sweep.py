"""What the tracker is told of a sweep and its jobs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.project import ROOT

from snowmelt.evaluation.comparison import Job, compare
from snowmelt.pipeline.sweep.tracked_sweep import (
    best_job,
    tell,
    title,
    tracked_job,
)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"schedule": "cosine", "seed": "1"}, "cosine, seed 1"),
        ({"prediction": "v", "training.ema.decay": "0.9"}, "v, decay 0.9"),
        (
            {"training.batch_size": "8", "sample.batch_size": "4"},
            "training.batch size 8, sample.batch size 4",
        ),
        ({}, ""),
    ],
)
def test_a_job_is_named_by_what_sets_it_apart(told: dict[str, str], name: str) -> None:
    assert title(told, ["schedule", "prediction"]) == name


def test_a_job_can_be_run_again_by_itself() -> None:
    told = {"schedule": "cosine", "seed": "1"}
    given = ["schedule=cosine", "net.widths=[8,16]", "seed=1", "paths.root=multirun/x/3"]
    job = tracked_job(told, given, ROOT)
    assert job.name == "cosine, seed 1"
    assert job.keys == ("schedule", "seed")
    assert job.command == (
        "snowmelt pipeline --multirun schedule=cosine 'net.widths=[8,16]' seed=1"
    )


def jobs(key: str, values: list[float], protocol: str = "p") -> list[Job]:
    found = {"linear": values[:2], "cosine": values[2:]}
    return [
        Job(
            f"{schedule} {seed}",
            {"schedule": schedule, "seed": seed},
            metrics={key: value, "protocol": {"extractor": "classifier"}},
            protocol=f"{protocol}{schedule if protocol == 'own' else ''}",
        )
        for schedule, of_seeds in found.items()
        for seed, value in enumerate(of_seeds)
    ]


def test_the_best_job_is_of_the_best_setting() -> None:
    """Also where a lucky run of another setting is better."""
    best = best_job(compare(jobs("frechet_distance", [1.0, 9.0, 2.0, 3.0])))
    assert best is not None
    assert best.name == "cosine 0"


def test_the_tracker_hears_the_verdict_and_the_best_run(tmp_path: Path) -> None:
    heard: dict[str, Any] = {}
    parent = SimpleNamespace(
        log_file=lambda file, folder: heard.setdefault(folder, file),
        describe=lambda text, experiment: heard.update(run=text, experiment=experiment),
        share_comparison=lambda: heard.setdefault("view", True),
        register_best=lambda *told: heard.setdefault("best", told),
    )
    comparison = compare(jobs("frechet_distance", [8.0, 9.0, 2.0, 3.0]))
    numbers = {job: tmp_path / job for job in ("cosine 0", "cosine 1")}
    picture = tmp_path / "comparison.png"
    tell(parent, comparison, [picture], numbers, "digits", "snowmelt x")  # type: ignore
    assert heard["comparison"] == picture
    assert comparison.summary in heard["run"]
    verdict, _, rest = heard["run"].partition("\n\n")
    assert heard["experiment"].startswith(verdict)
    assert heard["experiment"].endswith(rest)
    assert "#/experiments/{experiment}/runs/{run}" in heard["experiment"]
    assert heard["view"]
    evaluation, name, tags, text = heard["best"]
    assert (evaluation, name) == (tmp_path / "cosine 0", "digits")
    assert tags == {
        "setting": "schedule=cosine seed=0",
        "frechet_distance": "2.0",
        "protocol.extractor": "classifier",
    }
    assert "the best of 4 runs" in text
    assert comparison.summary in text


def test_nothing_is_best_where_nothing_is_ranked() -> None:
    assert best_job(compare(jobs("frechet_distance", [1.0, 1.1, 2.0, 2.1], "own"))) is None
    failed = [Job("0", {"seed": 0}, "failed"), Job("1", {"seed": 1}, "failed")]
    assert best_job(compare(failed)) is None
