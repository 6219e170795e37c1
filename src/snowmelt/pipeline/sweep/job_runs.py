"""Running the jobs of a sweep, and what they have in common before them.

Each runs in a process of its own: within this one they would share torch's and the
tracker's state, and a group of processes started by one job would start the sweep again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from snowmelt import tracking
from snowmelt.common.files import read_json
from snowmelt.common.instantiate import plain
from snowmelt.common.yaml_files import dump_yaml
from snowmelt.evaluation.comparison import Job
from snowmelt.evaluation.number_format import duration
from snowmelt.evaluation.protocol import protocol_digest
from snowmelt.pipeline import job_stages, output_locks
from snowmelt.pipeline.paper.swept_folder import drawing_seconds
from snowmelt.pipeline.sweep import job_identity, tracked_sweep
from snowmelt.pipeline.sweep.launchers import Launcher
from snowmelt.pipeline.sweep.planned_jobs import SHARED, PlannedJobs, pairs
from snowmelt.pipeline.sweep.shared_stages import WRITTEN, SharedStage
from snowmelt.pipeline.sweep.tasks import JobTask, Outcome, SharedTask, Task

Kind = TypeVar("Kind", bound=Task)


@dataclass
class JobRuns:
    """Runs jobs, by one launcher and below one tracked run.

    Attributes:
        launcher: starts their processes.
        parent: the run of the sweep.
        swept: the keys that its jobs differ in.
        before: seconds that went into what jobs have in common.
    """

    launcher: Launcher
    parent: tracking.Run
    swept: Sequence[str] = ()
    before: float = field(default=0.0, init=False)

    def outcomes(self, planned: PlannedJobs) -> list[Outcome]:
        """Run all that is not done yet; a failure stops no other job."""
        tasks = [
            self._as_child(job_task(planned, number), self._tracked(planned, number))
            for number in range(len(planned.given))
        ]
        found = {n: Outcome(was_done=True) for n, task in enumerate(tasks) if task.is_done}
        for number in found:
            self._take_over(planned, number)
            print(f"finished before: {tasks[number].label} ({tasks[number].folder})")
        errors = self._make_together(planned, set(range(len(tasks))) - set(found))
        found |= {number: Outcome(error) for number, error in errors.items()}
        for number, error in errors.items():
            tasks[number].record.end(tasks[number].overrides, 0.0, error)
        left = [number for number in range(len(tasks)) if number not in found]
        for number, outcome in self._run([tasks[number] for number in left]):
            found[left[number]] = outcome
        return [found[number] for number in range(len(tasks))]

    def _make_together(self, planned: PlannedJobs, left: set[int]) -> dict[int, str]:
        """Run the stages that unfinished jobs have in common; what failed, by the jobs."""
        errors: dict[int, str] = {}
        for stage in WRITTEN:
            needed = [
                one
                for one in planned.shared
                if one.stage == stage and (set(one.jobs) & left) - set(errors)
            ]
            tasks = [self._as_child(shared_task(planned, one)) for one in needed]
            for number, outcome in self._run(tasks):
                self.before += outcome.seconds
                if outcome.error:
                    jobs = set(needed[number].jobs) & left
                    errors |= dict.fromkeys(sorted(jobs), outcome.error)
        return errors

    def _run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        """Launch tasks, say of each when it begins and ends, and hand on its outcome."""

        def begun(number: int) -> None:  # at once by several threads: in one piece
            print(f"{tasks[number].label}{self.launcher.said}\n", end="", flush=True)

        with contextlib.closing(self.launcher.run(tasks, begun)) as ended:
            for number, outcome in ended:
                if outcome.error:
                    said = f"failed: {tasks[number].label}: {outcome.error}\n"
                    print(said, end="", flush=True)
                elif not self.launcher.is_shown and not outcome.was_done:
                    took = duration(outcome.seconds)
                    print(f"done: {tasks[number].label} ({took})\n", end="", flush=True)
                yield number, outcome

    def _as_child(self, task: Kind, job: tracking.SweepJob | None = None) -> Kind:
        own = job.environment if job else {}
        variables = {**task.variables, **self.parent.child_environment, **own}
        return replace(task, variables=variables)

    def _tracked(self, planned: PlannedJobs, number: int) -> tracking.SweepJob:
        """What the run of a job is called, and how it is run again."""
        given = list(planned.given.values())[number]
        told = {key: text for key, text in pairs(given).items() if key in self.swept}
        return tracked_sweep.tracked_job(told, given, planned.root)

    def _take_over(self, planned: PlannedJobs, number: int) -> None:
        """Let the run of a job that is done be one of this sweep."""
        config = planned.configs[number]
        metrics = planned.root / config.paths.reports / "metrics.json"
        tracking.take_over(plain(config), planned.root, metrics=metrics, sweep=self.parent)


def shared_task(planned: PlannedJobs, shared: SharedStage) -> SharedTask:
    """A stage for several jobs, as one of them would run it."""
    config = planned.configs[shared.jobs[0]]
    folder = planned.root / str(config.paths[WRITTEN[shared.stage]])
    return SharedTask(
        label=f"once for {_count(len(shared.jobs))}: {shared.stage}",
        command=shared.stage,
        root=planned.root,
        folder=folder,
        config=dump_yaml(plain(config)),
        file=planned.folder / SHARED / f"{shared.folder}.yaml",
        writes=[folder],
        processes=config.trainer.processes,
        is_named=folder.name == shared.folder,
    )


def job_task(planned: PlannedJobs, number: int) -> JobTask:
    """The pipeline of a job, but for the stages that are done for it or not wanted."""
    config, label = planned.configs[number], list(planned.given)[number]
    folder = planned.root / config.paths.root
    left_out = planned.made_for(number)
    trained = None if "train" in left_out else _training(planned, number)
    if not config.multirun.reports:
        left_out.append("report")
    written = output_locks.written_by("pipeline", config, planned.root)
    return JobTask(
        label=f"job {number + 1} of {len(planned.given)}: {label}",
        command="pipeline",
        root=planned.root,
        folder=folder,
        config=dump_yaml(plain(config)),
        file=folder / "job.yaml",
        writes=[place for place in written if place.is_relative_to(folder)],
        processes=config.trainer.processes,
        variables=job_stages.told_without(left_out),
        identity=planned.identities[number],
        metrics=planned.root / config.paths.reports / "metrics.json",
        overrides=planned.whole(number),
        trained=trained,
    )


def _training(planned: PlannedJobs, number: int) -> Path:
    """A place that stands for the training of a job; nothing is there but a lock."""
    digest = job_identity.of_stage("train", planned.configs[number], planned.root)
    return planned.folder / SHARED / f"model_{digest[: job_identity.LETTERS]}"


def _count(jobs: int) -> str:
    return "1 job" if jobs == 1 else f"{jobs} jobs"


def ended(planned: PlannedJobs, outcomes: Sequence[Outcome]) -> list[Job]:
    """The jobs after they were run, as `compare` takes them."""
    return [_job(planned, number, outcome) for number, outcome in enumerate(outcomes)]


def _job(planned: PlannedJobs, number: int, outcome: Outcome) -> Job:
    paths, root = planned.configs[number].paths, planned.root
    job = Job((root / paths.root).name, planned.told(number), seconds=outcome.seconds)
    if outcome.error:
        return replace(job, status="failed", error=outcome.error)
    measured = read_json(root / paths.reports / "metrics.json", made_by="evaluate")
    samples = root / paths.samples
    seconds = job_task(planned, number).record.seconds if outcome.was_done else job.seconds
    return replace(
        job,
        seconds=seconds,
        metrics=measured,
        protocol=protocol_digest(measured["protocol"]),
        samples=samples / "samples.npy",
        sampling_seconds=drawing_seconds(samples, root),
    )
