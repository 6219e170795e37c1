"""Sweeps: a multirun in Hydra's grammar, each job in a process and a run of its own.

A job starts a fresh process for the whole pipeline, in a folder of its own. Working inside
this process would share torch's and the tracker's state between jobs, and a group of
processes started by one job would start the sweep again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from snowmelt import tracking
from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json, write_json
from snowmelt.common.instantiate import plain
from snowmelt.common.yaml_files import dump_yaml
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation.comparison import Job, compare, comparison_table
from snowmelt.evaluation.protocol import protocol_digest
from snowmelt.pipeline import this_machine
from snowmelt.pipeline.config import composition, sweep_jobs, typed_places
from snowmelt.pipeline.config.overrides import SourcedOverride, quoted
from snowmelt.pipeline.launch import environment_of_job
from snowmelt.pipeline.output_locks import only_command_in
from snowmelt.viz.report.comparison_files import write

TAIL = 4000


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
    placed = _placed(given)
    configs = sweep_jobs.composed(root, placed)
    for config in configs:
        tracking.check(plain(config), root)
    this_machine.check_jobs(configs, root)
    every = list(given.values())
    shared = [text for text in every[0] if all(text in job for job in every)]
    base = composition.compose(root, shared, is_checked=False)
    jobs: list[Job] = []
    name = str(base.name or "sweep")
    reports = root / base.paths.reports / "sweep"
    folder = (root / configs[0].paths.root).parent  # of all jobs
    with (
        only_command_in([folder, reports], "pipeline --multirun", root),
        tracking.open_sweep(plain(base), root, name=name) as parent,
    ):
        environment = environment_of_job(root) | dict(parent.child_environment)
        for (label, job), config in zip(given.items(), configs, strict=True):
            print(f"job {len(jobs) + 1} of {len(given)}: {label}", flush=True)
            told = [text for text in job if text not in shared]
            whole = [choice.text for choice in composition.merged_overrides(root, job)]
            jobs.append(_run_job(config, root, environment, _pairs(told)))
            result = {"status": jobs[-1].status, "overrides": _pairs(whole)}
            write_json(root / config.paths.root / "result.json", result)
        comparison = compare(jobs)
        for file in write(comparison, reports, _value_range(jobs)):
            parent.log_file(file, "comparison")
    print()
    print(comparison_table(comparison))
    print(f"sweep: {reports}")
    return int(any(job.has_failed for job in jobs))


def _placed(given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The jobs, each in a folder of its own: below `out=`, or below the project's root.

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
    return {
        label: [
            *(text for text in job if not text.startswith(key)),
            f"{key}{quoted(str(folder / str(number)))}",
        ]
        for number, (label, job) in enumerate(given.items())
    }


def _run_job(
    config: DictConfig, root: Path, environment: dict[str, str], told: dict[str, str]
) -> Job:
    """One job in its own process; a failure is recorded and the next job goes on."""
    folder = root / config.paths.root
    folder.mkdir(parents=True)
    file = folder / "job.yaml"
    file.write_text(dump_yaml(plain(config)), encoding="utf-8")
    started = time.perf_counter()
    code, tail = _process(file, environment)
    seconds = time.perf_counter() - started
    job = Job(folder.name, told, seconds=seconds)
    if code:
        return replace(job, status="failed", error=tail)
    measured = read_json(folder / "reports" / "metrics.json", made_by="evaluate")
    return replace(
        job,
        metrics=measured,
        protocol=protocol_digest(measured["protocol"]),
        samples=folder / "outputs" / "samples" / "samples.npy",
    )


def _pairs(overrides: Sequence[str]) -> dict[str, str]:
    return dict(text.split("=", 1) for text in overrides)


def _value_range(jobs: Sequence[Job]) -> tuple[int, int] | None:
    """Of the samples, from the first job that has some."""
    for job in jobs:
        if job.samples is not None:
            prepared = job.samples.parents[2] / "data" / "prepared"
            return PreparedData.open(prepared).manifest.value_range
    return None


def _process(file: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a job's pipeline; show its output, and keep the last error for the table."""
    command = [sys.executable, "-m", "snowmelt", "pipeline", "--config", str(file)]
    process = stopping.start(command, environment, stderr=subprocess.PIPE)
    assert process.stderr is not None
    tail = b""
    with stopping.ending([process]), process.stderr as stream:
        while chunk := os.read(stream.fileno(), 4096):
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()
            tail = (tail + chunk)[-TAIL:]
        return process.wait(), _last_line(tail)


def _last_line(tail: bytes) -> str:
    lines = [line.strip() for line in tail.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line]
    return lines[-1] if lines else ""
