"""Sweeps: a multirun in Hydra's grammar, each job in a process and a run of its own.

A job starts a fresh process for the whole pipeline, in a folder of its own. What several
jobs have in common is made before them, see `snowmelt.pipeline.sweep.shared_stages`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from snowmelt import tracking
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation.comparison import Job, compare, sampling_costs
from snowmelt.evaluation.number_format import duration
from snowmelt.pipeline import this_machine
from snowmelt.pipeline.launch import environment_of_job
from snowmelt.pipeline.output_locks import only_command_in
from snowmelt.pipeline.sweep.job_runs import made_together, run_job
from snowmelt.pipeline.sweep.planned_jobs import PlannedJobs
from snowmelt.viz.report import comparison_files


def run(command: str, overrides: Sequence[str], root: Path) -> int:
    """Run every job, then compare them; returns 1 if a job failed, else 0.

    Raises:
        UserError: the command is not `pipeline`, or an override is wrong.
    """
    if command != "pipeline":
        raise UserError(
            f"a sweep runs the whole pipeline: `snowmelt pipeline`, not {command}"
        )
    planned = PlannedJobs.of(overrides, root)
    for config in planned.configs:
        tracking.check(plain(config), root)
    this_machine.check_jobs(planned.configs, root)
    base = planned.base
    reports, name = root / base.paths.reports / "sweep", str(base.name or "sweep")
    with (
        only_command_in([planned.folder, reports], "pipeline --multirun", root),
        tracking.open_sweep(plain(base), root, name=name) as parent,
    ):
        environment = environment_of_job(root) | dict(parent.child_environment)
        started = time.perf_counter()
        errors = made_together(planned, environment)
        before = time.perf_counter() - started
        jobs: list[Job] = []
        for number, label in enumerate(planned.given):
            print(f"job {number + 1} of {len(planned.given)}: {label}", flush=True)
            jobs.append(run_job(planned, number, environment, errors.get(number, "")))
        said = _compared(jobs, planned, reports, parent)
    print(f"\n{said}\n{_times(jobs, before if planned.shared else 0.0)}\nsweep: {reports}")
    return int(any(job.has_failed for job in jobs))


def _compared(
    jobs: Sequence[Job], planned: PlannedJobs, reports: Path, parent: tracking.Run
) -> str:
    """Write the comparison of the jobs, track it, and tell it as text."""
    comparison = compare(jobs)
    costs = sampling_costs(jobs, planned.base.multirun.margin)
    files = comparison_files.write(comparison, reports, _value_range(jobs, planned))
    for file in [*files, *comparison_files.write_costs(costs, reports)]:
        parent.log_file(file, "comparison")
    return comparison_files.told(comparison, costs)


def _value_range(jobs: Sequence[Job], planned: PlannedJobs) -> tuple[int, int] | None:
    """Of the samples, from the first job that has some."""
    for job, config in zip(jobs, planned.configs, strict=True):
        if job.samples is not None:
            prepared = planned.root / config.paths.prepared
            return PreparedData.open(prepared).manifest.value_range
    return None


def _times(jobs: Sequence[Job], before: float) -> str:
    """How long it took, and what of that."""
    each = sum(job.seconds or 0.0 for job in jobs)
    parts = [f"{duration(before)} for what jobs have in common"] if before else []
    drawing = [job.sampling_seconds for job in jobs if job.sampling_seconds is not None]
    parts += [f"{duration(sum(drawing))} drawing samples"] if drawing else []
    of_that = f", of that {' and '.join(parts)}" if parts else ""
    return f"time: {duration(before + each)}{of_that}"
