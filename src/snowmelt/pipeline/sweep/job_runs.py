"""Running the jobs of a sweep, each in a process of its own.

Working inside this process would share torch's and the tracker's state between jobs, and a
group of processes started by one job would start the sweep again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from snowmelt.common.files import read_json, write_json
from snowmelt.evaluation.comparison import Job
from snowmelt.evaluation.protocol import protocol_digest
from snowmelt.pipeline import job_stages
from snowmelt.pipeline.stages.sample import times_of
from snowmelt.pipeline.sweep.job_processes import run_stage
from snowmelt.pipeline.sweep.planned_jobs import SHARED, PlannedJobs


def made_together(jobs: PlannedJobs, environment: Mapping[str, str]) -> dict[int, str]:
    """Run the stages that jobs have in common; returns what failed, by their places."""
    errors: dict[int, str] = {}
    for one in jobs.shared:
        first = one.jobs[0]
        if first in errors:  # of an earlier stage, which all of these need
            continue
        print(f"once for {len(one.jobs)} jobs: {one.stage}", flush=True)
        file = jobs.folder / SHARED / f"{one.folder}.yaml"
        code, tail = run_stage(one.stage, jobs.configs[first], file, environment)
        if code:
            errors |= dict.fromkeys(one.jobs, tail)
    return errors


def run_job(
    jobs: PlannedJobs, number: int, environment: Mapping[str, str], error: str = ""
) -> Job:
    """Run one job, and note how it ended; a failure stops no other.

    Args:
        error: of a stage that was run for several jobs, without which this cannot be run.
    """
    folder = jobs.root / jobs.configs[number].paths.root
    job = Job(folder.name, jobs.told(number))
    if error:
        job = replace(job, status="failed", error=error)
    else:
        job = _run(job, jobs, number, environment)
    result = {"status": job.status, "overrides": jobs.whole(number)}
    write_json(folder / "result.json", result)
    return job


def _run(job: Job, jobs: PlannedJobs, number: int, environment: Mapping[str, str]) -> Job:
    """A job after its stages, but those that were run for several or are not wanted."""
    config = jobs.configs[number]
    left_out = jobs.made_for(number)
    if not config.multirun.reports:
        left_out.append("report")
    variables = {**environment, **job_stages.told_without(left_out)}
    started = time.perf_counter()
    file = jobs.root / config.paths.root / "job.yaml"
    code, tail = run_stage("pipeline", config, file, variables)
    job = replace(job, seconds=time.perf_counter() - started)
    if code:
        return replace(job, status="failed", error=tail)
    return _measured(job, jobs, number)


def _measured(job: Job, jobs: PlannedJobs, number: int) -> Job:
    """A job that has finished, with what came of it."""
    paths, root = jobs.configs[number].paths, jobs.root
    measured = read_json(root / paths.reports / "metrics.json", made_by="evaluate")
    drawn = read_json(root / paths.samples / "samples.json", made_by="sample")
    return replace(
        job,
        metrics=measured,
        protocol=protocol_digest(measured["protocol"]),
        samples=root / paths.samples / "samples.npy",
        sampling_seconds=times_of(root).seconds(drawn["identity"]),
    )
