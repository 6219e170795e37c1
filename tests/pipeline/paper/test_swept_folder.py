"""`snowmelt paper` of a sweep that has run: what it wrote, read again from its jobs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.evaluation.comparison import sampled_jobs, test_disagreement
from tests.evaluation.test_protocol_sentence import PROTOCOL
from tests.pipeline.comparing.test_command import put
from tests.project import in_process

from snowmelt.common.files import write_json
from snowmelt.evaluation.comparison import Job, compare, sampling_costs
from snowmelt.evaluation.protocol import protocol_digest
from snowmelt.pipeline.sweep import sweep_paper
from snowmelt.viz.report import comparison_files

Mistake = Callable[..., str]
QUIET = "tracking=none"


def swept(root: Path, jobs: list[Job], *, says_where: bool = True) -> Path:
    """The folders of a sweep as it leaves them, as far as they are read."""
    measured = []
    for job in jobs:
        folder = root / "multirun" / "jobs" / job.name
        if job.metrics is None:
            measured.append(job)
            continue
        put(folder, dict(job.metrics))
        overrides = {"data": "digits", "seed": "7"} | dict(job.overrides)
        write_json(folder / "result.json", {"overrides": overrides, "seconds": 60.0})
        digest = protocol_digest(job.metrics["protocol"])
        measured.append(replace(job, protocol=digest, sampling_seconds=None))
    reports = root / "reports" / "sweep"
    folders = [root / "multirun" / "jobs" / job.name for job in jobs]
    comparison, costs = compare(measured), sampling_costs(measured, 0.05)
    comparison_files.write(comparison, reports, jobs=folders if says_where else ())
    comparison_files.write_costs(costs, reports)
    sweep_paper.write(comparison, costs, reports, root)
    return reports


def settings(**protocol: str) -> list[Job]:
    """Three trainings of each of three schedules; a protocol may differ by job."""
    found = []
    for job in test_disagreement.jobs():
        own = {"checkpoint": job.name, "sample_seed": job.overrides["seed"]}
        own |= {key: text.format(job.name) for key, text in protocol.items()}
        found.append(
            replace(job, metrics={**(job.metrics or {}), "protocol": PROTOCOL | own})
        )
    return found


def with_a_failed_one() -> list[Job]:
    failed = Job("f", {"schedule": "cosine", "seed": "9"}, "failed", "out of memory")
    return [*settings(), failed]


@pytest.mark.parametrize("says_where", [True, False], ids=["now", "earlier version"])
@pytest.mark.parametrize("named", ["reports/sweep", "."])
def test_it_is_the_paper_that_the_sweep_wrote(
    workspace: Path, named: str, says_where: bool
) -> None:
    reports = swept(workspace, with_a_failed_one(), says_where=says_where)
    wrote = {path: path.read_bytes() for path in (reports / "paper").rglob("*.*")}
    assert len(wrote) == 7
    shutil.rmtree(reports / "paper")
    said = in_process("paper", named, QUIET, cwd=workspace)
    assert {path: path.read_bytes() for path in (reports / "paper").rglob("*.*")} == wrote
    assert "cosine is better than linear by Frechet distance" in said
    assert "worse than sigmoid by 0.700 (" in said
    assert "with seeds 0, 1 and 2 and rounded" in said
    assert not (workspace / "reports" / "paper").exists()


def test_samplers_keep_the_chain_that_they_are_held_to(workspace: Path) -> None:
    swept(workspace, sampled_jobs.jobs())
    said = in_process("paper", "reports/sweep", "out=said", QUIET, cwd=workspace)
    assert "like ddpm, 1000" in said
    assert "within 5% of the first" in said
    assert "drawn by each sampler" in (workspace / "said" / "results.md").read_text()


def test_seeds_are_those_of_the_jobs(workspace: Path) -> None:
    """A setting of three trainings is not taken for three draws of one."""
    reports = swept(workspace, with_a_failed_one())
    in_process("paper", "reports/sweep", "out=said", QUIET, cwd=workspace)
    text = (workspace / "said" / "table.tex").read_text()
    assert "3 seeds each, paired by seed" in text
    assert json.loads((reports / "comparison.json").read_text())["groups"][0]["seeds"] == 3


def test_mistakes(workspace: Path, mistake: Mistake) -> None:
    swept(workspace, settings(resize="{}"))
    said = mistake("paper", "reports/sweep", QUIET, cwd=workspace)
    assert "Not ranked: the jobs were measured under different protocols" in said
    shutil.rmtree(workspace / "multirun" / "jobs" / "cosine-1")
    said = mistake("paper", "reports/sweep", QUIET, cwd=workspace)
    assert "compares jobs, and cosine-1 is not at" in said
    assert "reports/sweep/paper has the one that the sweep wrote itself" in said


def test_numbers_of_a_job_that_were_changed_are_refused(
    workspace: Path, mistake: Mistake
) -> None:
    swept(workspace, with_a_failed_one())
    numbers = workspace / "multirun/jobs/cosine-1/reports/metrics.json"
    changed = json.loads(numbers.read_text()) | {"frechet_distance": 0.1}
    numbers.write_text(json.dumps(changed))
    assert "metrics.json" in mistake("paper", "reports/sweep", QUIET, cwd=workspace)
