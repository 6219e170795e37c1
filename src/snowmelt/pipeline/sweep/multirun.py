"""Sweeps: a multirun in Hydra's grammar, each job in a process and a run of its own.

A job starts a fresh process for the whole pipeline, in a folder of its own. Working inside
this process would share torch's and the tracker's state between jobs, and a group of
processes started by one job would start the sweep again. What several jobs have in common
is made before them, see `snowmelt.pipeline.sweep.shared_stages`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from snowmelt import tracking
from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json, write_json
from snowmelt.common.instantiate import plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation.comparison import Job, compare, sampling_costs
from snowmelt.evaluation.protocol import protocol_digest
from snowmelt.pipeline import job_stages, this_machine
from snowmelt.pipeline.config import composition, sweep_jobs, typed_places
from snowmelt.pipeline.config.overrides import SourcedOverride, quoted
from snowmelt.pipeline.launch import environment_of_job
from snowmelt.pipeline.output_locks import only_command_in
from snowmelt.pipeline.stages.sample import times_of
from snowmelt.pipeline.sweep import shared_stages
from snowmelt.pipeline.sweep.processes import run_stage
from snowmelt.pipeline.sweep.shared_stages import SharedStage
from snowmelt.viz.report import comparison_files

SHARED = "shared"  # the folder beside those of the jobs, which are numbers


def run(command: str, overrides: Sequence[str], root: Path) -> int:
    """Run every job, then compare them; returns 1 if a job failed, else 0.

    Raises:
        UserError: the command is not `pipeline`, or an override is wrong.
    """
    if command != "pipeline":
        raise UserError(
            f"a sweep runs the whole pipeline: `snowmelt pipeline`, not {command}"
        )
    given = {
        label: typed_places.from_here(root, job, Path.cwd())
        for label, job in sweep_jobs.jobs(root, overrides).items()
    }
    shared = shared_stages.planned(sweep_jobs.composed(root, given))
    placed = _placed(given, shared)
    configs = [composition.compose(root, job, is_checked=False) for job in placed.values()]
    for config in configs:
        tracking.check(plain(config), root)
    this_machine.check_jobs(configs, root)
    every = list(given.values())
    common = [text for text in every[0] if all(text in job for job in every)]
    base = composition.compose(root, common, is_checked=False)
    reports = root / base.paths.reports / "sweep"
    folder = (root / configs[0].paths.root).parent  # of all jobs
    with (
        only_command_in([folder, reports], "pipeline --multirun", root),
        tracking.open_sweep(plain(base), root, name=str(base.name or "sweep")) as parent,
    ):
        environment = environment_of_job(root) | dict(parent.child_environment)
        errors = _made_together(shared, configs, folder, environment)
        jobs: list[Job] = []
        for number, (label, job) in enumerate(given.items()):
            print(f"job {number + 1} of {len(given)}: {label}", flush=True)
            told = _pairs([text for text in job if text not in common])
            done = [one.stage for one in shared if number in one.jobs]
            config, error = configs[number], errors.get(number, "")
            jobs.append(_run_job(config, root, environment, told, done, error))
            whole = [choice.text for choice in composition.merged_overrides(root, job)]
            result = {"status": jobs[-1].status, "overrides": _pairs(whole)}
            write_json(root / config.paths.root / "result.json", result)
        levels = _value_range(jobs, configs, root)
        said = _compared(jobs, base.multirun.margin, levels, reports, parent)
    print(f"\n{said}\nsweep: {reports}")
    return int(any(job.has_failed for job in jobs))


def _compared(
    jobs: Sequence[Job],
    margin: float,
    levels: tuple[int, int] | None,
    reports: Path,
    parent: tracking.Run,
) -> str:
    """Write the comparison of the jobs, track it, and tell it as text."""
    comparison, costs = compare(jobs), sampling_costs(jobs, margin)
    files = comparison_files.write(comparison, reports, levels)
    for file in [*files, *comparison_files.write_costs(costs, reports)]:
        parent.log_file(file, "comparison")
    return comparison_files.told(comparison, costs)


def _placed(
    given: Mapping[str, Sequence[str]], shared: Sequence[SharedStage] = ()
) -> dict[str, list[str]]:
    """The jobs, each in a folder of its own: below `out=`, or below the project's root.

    What a stage makes for several of them has a place, too, unless one was typed.

    Raises:
        UserError: `out` has several values.
    """
    key = "paths.root="
    roots = {tuple(text for text in job if text.startswith(key)) for job in given.values()}
    if len(roots) > 1:
        raise UserError("out: a sweep makes a folder for each job by itself: name one")
    (named,) = next(iter(roots)) or (f"{key}.",)
    top = Path(str(SourcedOverride(named, "command line").parse().value()))
    folder = top / "multirun" / time.strftime("%Y-%m-%d_%H-%M-%S")
    placed = {}
    for number, (label, job) in enumerate(given.items()):
        typed = {text.partition("=")[0] for text in job}
        places = [one.override(folder / SHARED) for one in shared if number in one.jobs]
        placed[label] = [
            *(text for text in job if not text.startswith(key)),
            f"{key}{quoted(str(folder / str(number)))}",
            *(text for text in places if text.partition("=")[0] not in typed),
        ]
    return placed


def _made_together(
    shared: Sequence[SharedStage],
    configs: Sequence[DictConfig],
    folder: Path,
    environment: Mapping[str, str],
) -> dict[int, str]:
    """Run the stages that jobs have in common; returns what failed, by their places."""
    errors: dict[int, str] = {}
    for one in shared:
        first = one.jobs[0]
        if first in errors:  # of an earlier stage, which all of these need
            continue
        print(f"once for {len(one.jobs)} jobs: {one.stage}", flush=True)
        file = folder / SHARED / f"{one.folder}.yaml"
        code, tail = run_stage(one.stage, configs[first], file, environment)
        if code:
            errors |= dict.fromkeys(one.jobs, tail)
    return errors


def _run_job(
    config: DictConfig,
    root: Path,
    environment: Mapping[str, str],
    told: dict[str, str],
    done: Sequence[str],
    error: str,
) -> Job:
    """One job in its own process; a failure is recorded and the next job goes on.

    Args:
        done: the stages that were run for several jobs.
        error: of such a stage, for which the job cannot be run.
    """
    folder = root / config.paths.root
    job = Job(folder.name, told)
    if error:
        return replace(job, status="failed", error=error)
    left_out = [*done, *([] if config.multirun.reports else ["report"])]
    variables = {**environment, **job_stages.told_without(left_out)}
    started = time.perf_counter()
    code, tail = run_stage("pipeline", config, folder / "job.yaml", variables)
    job = replace(job, seconds=time.perf_counter() - started)
    if code:
        return replace(job, status="failed", error=tail)
    measured = read_json(root / config.paths.reports / "metrics.json", made_by="evaluate")
    samples = root / config.paths.samples
    drawn = read_json(samples / "samples.json", made_by="sample")
    return replace(
        job,
        metrics=measured,
        protocol=protocol_digest(measured["protocol"]),
        samples=samples / "samples.npy",
        sampling_seconds=times_of(root).seconds(drawn["identity"]),
    )


def _pairs(overrides: Sequence[str]) -> dict[str, str]:
    return dict(text.split("=", 1) for text in overrides)


def _value_range(
    jobs: Sequence[Job], configs: Sequence[DictConfig], root: Path
) -> tuple[int, int] | None:
    """Of the samples, from the first job that has some."""
    for job, config in zip(jobs, configs, strict=True):
        if job.samples is not None:
            return PreparedData.open(root / config.paths.prepared).manifest.value_range
    return None
