"""Sweeps: a multirun in Hydra's grammar, each job in a process and a run of its own.

A job is the whole pipeline, in a folder that is named by what decides it. The same job
again, in this sweep or in another, is found done; one that was killed goes on. What several
jobs have in common is made before them, see `snowmelt.pipeline.sweep.shared_stages`.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snowmelt import tracking
from snowmelt.common.errors import UserError, left_out_if_it_fails
from snowmelt.common.folder_lock import after_others_in
from snowmelt.common.instantiate import plain
from snowmelt.evaluation.comparison import Job, compare, sampling_costs
from snowmelt.evaluation.number_format import duration
from snowmelt.pipeline import this_machine
from snowmelt.pipeline.config import sweep_jobs
from snowmelt.pipeline.config.multirun_settings import MultirunSettings
from snowmelt.pipeline.sweep import sweep_paper, swept_runs, tracked_sweep
from snowmelt.pipeline.sweep.job_runs import JobRuns, ended
from snowmelt.pipeline.sweep.launchers import launcher_of
from snowmelt.pipeline.sweep.planned_jobs import PlannedJobs
from snowmelt.pipeline.sweep.search import Search
from snowmelt.pipeline.sweep.tasks import Outcome
from snowmelt.viz.report import comparison_files
from snowmelt.viz.sweep_page import written_page
from snowmelt.viz.sweep_page.sweep_material import SweepMaterial

_ON_CLUSTER = ".cluster"  # the folder of what a cluster writes about its jobs


def run(command: str, overrides: Sequence[str], root: Path) -> int:
    """Run every job that is not done, then compare all; returns 1 if one failed, else 0.

    Raises:
        UserError: the command is not `pipeline`, or an override is wrong.
    """
    if command != "pipeline":
        raise UserError(
            f"a sweep runs the whole pipeline: `snowmelt pipeline`, not {command}"
        )
    search = Search.of(overrides, root)
    first = search.example if search else sweep_jobs.jobs(root, overrides)
    planned = PlannedJobs.of(first, root)
    for config in planned.configs:
        tracking.check(plain(config), root)
    this_machine.check_jobs(planned.configs, root)
    base = planned.base
    settings = MultirunSettings.of(plain(base.multirun))
    launcher = launcher_of(settings, planned.folder / _ON_CLUSTER)
    swept = search.keys if search else planned.swept
    name = str(base.name or f"sweep of {', '.join(swept) or 'one job'}")
    reports = root / base.paths.reports / "sweep"
    started = time.perf_counter()
    with tracking.open_sweep(plain(base), root, name=name, swept=swept) as parent:
        runs = JobRuns(launcher, parent, swept)
        if search:
            planned, outcomes = search.run(runs, settings)
        else:
            outcomes = runs.outcomes(planned)
        jobs = ended(planned, outcomes)
        with after_others_in(reports, "snowmelt pipeline --multirun", print):
            again = shlex.join(["snowmelt", command, "--multirun", *overrides])
            said = _compared(jobs, planned, reports, parent, _Asked(name, swept, again))
    took = _times(jobs, outcomes, time.perf_counter() - started, runs.before)
    print(f"\n{said}\n{search.said if search else ''}{took}\nsweep: {reports}")
    if (shown := reports / written_page.FILE).is_file():
        print(f"page: {shown}")
    return int(any(job.has_failed for job in jobs))


@dataclass(frozen=True)
class _Asked:
    """What a sweep is called, which keys its jobs differ in, and what runs it again."""

    name: str
    swept: Sequence[str]
    again: str


def _compared(
    jobs: Sequence[Job],
    planned: PlannedJobs,
    reports: Path,
    parent: tracking.Run,
    asked: _Asked,
) -> str:
    """Write the comparison of the jobs, track it, and tell it as text."""
    comparison = compare(jobs)
    costs = sampling_costs(jobs, planned.base.multirun.margin)
    data = swept_runs.prepared_of(jobs, planned)
    value_range = None if data is None else data.manifest.value_range
    folders = [planned.root / config.paths.root for config in planned.configs]
    files = comparison_files.write(comparison, reports, value_range, folders)
    files += comparison_files.write_costs(costs, reports)
    named = str(planned.base.data.name)
    (reports / written_page.FILE).unlink(missing_ok=True)  # of an earlier sweep
    with left_out_if_it_fails("the page of the sweep"):
        material = SweepMaterial(
            name=asked.name,
            data=named,
            command=asked.again,
            swept=asked.swept,
            comparison=comparison,
            costs=costs,
            runs=swept_runs.swept_runs(jobs, planned),
            value_range=value_range,
            real=None if data is None else data.train,
        )
        files.insert(0, written_page.write(material, reports))
    with left_out_if_it_fails("the tables for a paper"):
        sweep_paper.write(comparison, costs, reports, planned.root)
    with left_out_if_it_fails("the description of the sweep"):
        numbers = {
            job.name: planned.root / config.paths.reports / "metrics.json"
            for job, config in zip(jobs, planned.configs, strict=True)
        }
        tracked_sweep.tell(parent, comparison, files, numbers, named, asked.again)
    return comparison_files.told(comparison, costs)


def _times(
    jobs: Sequence[Job], outcomes: Sequence[Outcome], took: float, before: float
) -> str:
    """How long it took, and what of that was needed once, or to draw samples."""
    new = [job for job, end in zip(jobs, outcomes, strict=True) if not end.was_done]
    drawing = [job.sampling_seconds for job in new if job.sampling_seconds is not None]
    parts = [f"{duration(before)} for what jobs have in common"] if before else []
    parts += [f"{duration(sum(drawing))} drawing samples"] if drawing else []
    of_that = f"; all processes together: {' and '.join(parts)}" if parts else ""
    found = len(jobs) - len(new)
    known = f" ({found} of {len(jobs)} jobs were done before)" if found else ""
    return f"time: {duration(took)}{known}{of_that}"
