"""Sweeps: Hydra's multirun, each job in a process and a run of its own.

Hydra expands the overrides to jobs and composes each; a job here starts a fresh process for
the whole pipeline, in a folder of its own. Working inside Hydra's process would share
torch's and the tracker's state between jobs, and a group of processes started by one job
would start the sweep again.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from snowmelt import tracking
from snowmelt.common.distributed import RANK_VARIABLES
from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json, write_json
from snowmelt.common.instantiate import plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation.comparison import Job, compare, comparison_table
from snowmelt.evaluation.protocol import protocol_digest
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.config.sweep_jobs import check_jobs, without_sweeps
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
    choices = composition.merged_choices(root, overrides)
    check_jobs(root, overrides)
    shared = without_sweeps(root, overrides)
    base = composition.compose(root, shared, is_checked=False)
    folder = root / "multirun" / time.strftime("%Y-%m-%d_%H-%M-%S")
    jobs: list[Job] = []
    name = base.name or "sweep"
    with tracking.open_sweep(plain(base), root, name=str(name)) as parent:
        environment = _environment(root) | dict(parent.child_environment)

        def job(config: DictConfig) -> None:
            jobs.append(_run_job(config, root, environment))

        arguments = [choice.text for choice in choices]
        _hydra(job, root, folder, arguments)
        comparison = compare(_told_apart(jobs))
        reports = root / base.paths.reports / "sweep"
        for file in write(comparison, reports, _value_range(jobs)):
            parent.log_file(file, "comparison")
    print()
    print(comparison_table(comparison))
    print(f"sweep: {reports}")
    return int(any(job.has_failed for job in jobs))


def _hydra(job: Any, root: Path, folder: Path, arguments: list[str]) -> None:
    """Hand the jobs to Hydra's own multirun."""
    main = hydra.main(
        config_path=str(root / "conf"), config_name="config", version_base="1.3"
    )
    saved = sys.argv
    sys.argv = ["snowmelt", "--multirun", *arguments, f"hydra.sweep.dir='{folder}'"]
    try:
        main(job)()
    finally:
        sys.argv = saved


def _run_job(config: DictConfig, root: Path, environment: dict[str, str]) -> Job:
    """One job in its own process; a failure is recorded and the next job goes on."""
    context = HydraConfig.get()
    folder = Path(context.runtime.output_dir)
    whole: Any = OmegaConf.to_container(config, resolve=False)
    whole["paths"]["root"] = os.path.relpath(folder, root)
    settled: Any = OmegaConf.to_container(OmegaConf.create(whole), resolve=True)
    settled = composition.with_named_parts(settled, root)
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(settled, sort_keys=True), encoding="utf-8")
    started = time.perf_counter()
    code, tail = _process(file, environment)
    seconds = time.perf_counter() - started
    metrics = folder / "reports" / "metrics.json"
    given = dict(text.split("=", 1) for text in context.overrides.task)
    if code:
        job = Job(
            name=folder.name, overrides=given, status="failed", error=tail, seconds=seconds
        )
    else:
        measured = read_json(metrics, made_by="evaluate")
        job = Job(
            name=folder.name,
            overrides=given,
            status="finished",
            metrics=measured,
            protocol=protocol_digest(measured["protocol"]),
            seconds=seconds,
            samples=folder / "outputs" / "samples" / "samples.npy",
        )
    write_json(folder / "result.json", {"status": job.status, "overrides": given})
    return job


def _told_apart(jobs: Sequence[Job]) -> list[Job]:
    """The jobs with just those overrides that are not the same for all."""
    keys = sorted({key for job in jobs for key in job.overrides})
    varied = [k for k in keys if len({job.overrides.get(k) for job in jobs}) > 1]
    return [
        dataclasses.replace(
            job, overrides={k: v for k, v in job.overrides.items() if k in varied}
        )
        for job in jobs
    ]


def _value_range(jobs: Sequence[Job]) -> tuple[int, int] | None:
    """Of the samples, from the first job that has some."""
    for job in jobs:
        if job.samples is not None:
            prepared = job.samples.parents[2] / "data" / "prepared"
            return PreparedData.open(prepared).manifest.value_range
    return None


def _environment(root: Path) -> dict[str, str]:
    """This process's environment without what ties it to a group of processes."""
    kept = {k: v for k, v in os.environ.items() if k not in RANK_VARIABLES}
    return kept | {"PROJECT_ROOT": str(root)}


def _process(file: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a job's pipeline; show its output, and keep the last error for the table."""
    command = [sys.executable, "-m", "snowmelt", "pipeline", "--config", str(file)]
    # A group of its own: Ctrl-C reaches the job once, by way of this process.
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stderr is not None
        tail = b""
        try:
            while chunk := os.read(process.stderr.fileno(), 4096):
                sys.stderr.buffer.write(chunk)
                sys.stderr.buffer.flush()
                tail = (tail + chunk)[-TAIL:]
            return process.wait(), _last_line(tail)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise


def _last_line(tail: bytes) -> str:
    lines = [line.strip() for line in tail.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line]
    return lines[-1] if lines else ""
