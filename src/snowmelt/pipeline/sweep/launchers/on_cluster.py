"""Tasks on the machines of a SLURM cluster, by submitit.

The project's folder must be one that they share with this machine, and the tracking store
one that they reach. A task that the cluster cuts short goes on where it was, on the same
terms as any command that was killed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config.multirun_settings import ClusterSettings
from snowmelt.pipeline.sweep.launchers.launcher import Ended, Launcher
from snowmelt.pipeline.sweep.tasks import Outcome, Task

POLL = 0.5  # seconds
GRACE = 30.0  # seconds that a cancelled task has to save its state and end


class OnCluster(Launcher):
    """Submits each task as a job of the cluster.

    Args:
        settings: what a job asks for.
        at_once: how many are in the cluster's queue at a time.
        folder: of submitit's files, one that the cluster's machines share.

    Raises:
        UserError: submitit is not installed, or the cluster's commands are not here.
    """

    def __init__(self, settings: ClusterSettings, at_once: int, folder: Path) -> None:
        try:
            import submitit

            self.executor = submitit.AutoExecutor(folder, cluster=settings.kind)
        except (ImportError, RuntimeError) as error:
            raise UserError(
                f"multirun.launcher=submitit: {error}: install submitit, and start the"
                " sweep where `sbatch` is, or choose another launcher"
            ) from error
        self.executor.update_parameters(**requested(settings))
        self.at_once = at_once
        self.said = f" (submitted to {settings.kind})"

    def run(self, tasks: Sequence[Task], begun: Callable[[int], None]) -> Ended:
        waiting, jobs = deque(range(len(tasks))), dict[int, Any]()
        try:
            while waiting or jobs:
                while waiting and len(jobs) < self.at_once:
                    number = waiting.popleft()
                    begun(number)
                    jobs[number] = self.executor.submit(tasks[number].unseen())
                for number in [n for n, job in jobs.items() if job.done()]:
                    yield number, _outcome(jobs.pop(number))
                time.sleep(POLL)
        except BaseException:  # also where whoever asks for outcomes asks no more
            _cancel(list(jobs.values()))
            raise


def requested(settings: ClusterSettings) -> dict[str, Any]:
    """The parameters of submitit, those of SLURM alone under their own names."""
    asked: dict[str, Any] = {
        "name": "snowmelt",
        "timeout_min": settings.minutes,
        "cpus_per_task": settings.cpus,
        "gpus_per_node": settings.gpus or None,
        "mem_gb": settings.memory_gb,
        "slurm_partition": settings.partition,
        "slurm_account": settings.account,
        "slurm_setup": list(settings.setup) or None,
    }
    return {key: value for key, value in asked.items() if value is not None}


def _outcome(job: Any) -> Outcome:
    """What a job of the cluster came to; one that ended without a word has failed."""
    try:
        found = job.result()
    except Exception as error:  # whatever the task, or submitit, could not do
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Outcome(f"job {job.job_id} of the cluster: {lines[-1].strip()}")
    assert isinstance(found, Outcome)
    return found


def _cancel(jobs: Sequence[Any]) -> None:
    for job in jobs:
        job.cancel(check=False)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and not all(job.done() for job in jobs):
        time.sleep(POLL)
