"""Pieces of a sweep: each a command that is run once, in a process of its own.

A task is plain data, so that it may be sent to another machine. Wherever it is run it holds
the lock of its folder, and looks whether somebody has done it meanwhile: two sweeps at once
do what they have in common one time.
"""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.common.folder_lock import after_others_in
from snowmelt.pipeline.sweep import shared_stages
from snowmelt.pipeline.sweep.job_processes import run_stage
from snowmelt.pipeline.sweep.job_record import JobRecord

ONCE = ".once"  # the end of the name by which a place is locked for a task


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        error: why it failed, in a line; empty if it did not.
        seconds: that it took.
        was_done: whether it was found done.
    """

    error: str = ""
    seconds: float = 0.0
    was_done: bool = False


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A stage, or the pipeline of a job.

    Attributes:
        label: what a person knows it by.
        command: of snowmelt.
        root: the project's.
        folder: what it fills.
        config: the composed configuration, as YAML.
        file: where that is written.
        writes: the places that its command will hold, which another process may still do:
            one whose sweep was killed lives on for a moment.
        processes: that it starts to train in.
        variables: of the environment of its process.
        is_shown: whether its output is shown; else it goes into a file beside `file`.
    """

    label: str
    command: str
    root: Path
    folder: Path
    config: str
    file: Path
    writes: Sequence[Path] = ()
    processes: int = 1
    variables: Mapping[str, str] = field(default_factory=dict)
    is_shown: bool = True

    @property
    @abstractmethod
    def is_done(self) -> bool:
        """Whether what it makes is there, whole."""

    def unseen(self, cores: int | None = None) -> Self:
        """The same with its output in a file.

        Args:
            cores: that its processes share; None leaves that to them.
        """
        threads = None if cores is None else str(max(cores // self.processes, 1))
        more = {} if threads is None else {"OMP_NUM_THREADS": threads}
        return replace(self, variables={**self.variables, **more}, is_shown=False)

    def __call__(self) -> Outcome:
        """Run it, unless it is done; whatever goes wrong is told in the outcome."""
        try:
            with self._alone():
                if self.is_done:
                    return Outcome(was_done=True)
                if stopping.is_asked():
                    return Outcome("it was stopped before it began")
                started = time.perf_counter()
                error = self._run()
                outcome = Outcome(error, time.perf_counter() - started)
                if not stopping.is_asked():
                    self._note(outcome)
                return outcome
        except (UserError, OSError) as error:
            return Outcome(str(error))

    def checkpoint(self, *_: Any) -> Any:
        """What a cluster runs that has cut this short: the same, which goes on."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    @property
    def places(self) -> list[Path]:
        """Where nobody else may work meanwhile."""
        return [self.folder]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold a lock for each place: not its own, which the command itself will hold."""
        with contextlib.ExitStack() as stack:
            for place in self.places:
                lock = place.with_name(f"{place.name}{ONCE}")
                work = f"snowmelt {self.command}"
                stack.enter_context(after_others_in(lock, work, self._wait))
            for place in self.writes:
                with after_others_in(place, f"snowmelt {self.command}", self._wait):
                    pass
            yield

    def _wait(self, who: str) -> None:
        print(f"{self.label} waits: {who}", flush=True)

    def _run(self) -> str:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(self.config, encoding="utf-8")
        log = None if self.is_shown else self.file.with_suffix(".log")
        return run_stage(self.command, self.file, self.root, self.variables, log)

    @abstractmethod
    def _note(self, outcome: Outcome) -> None:
        """Leave behind how it ended."""


@dataclass(frozen=True, kw_only=True)
class SharedTask(Task):
    """A stage that is run once for several jobs.

    Attributes:
        is_named: whether the name of the folder says what decides its content.
    """

    is_named: bool = True

    @property
    def is_done(self) -> bool:
        return self.is_named and shared_stages.is_whole(self.command, self.folder)

    def _note(self, outcome: Outcome) -> None:
        """Its folder, whole or absent, says it."""


@dataclass(frozen=True, kw_only=True)
class JobTask(Task):
    """The pipeline of a job, without the stages that are done for it.

    Attributes:
        identity: what decides the job.
        metrics: the file of its numbers.
        overrides: all that was chosen for it.
        trained: a folder that stands for its training, if it trains itself: jobs of
            different sweeps may have one in common.
    """

    identity: str
    metrics: Path
    overrides: Mapping[str, str] = field(default_factory=dict)
    trained: Path | None = None

    @property
    def record(self) -> JobRecord:
        return JobRecord(self.folder, self.identity, self.metrics)

    @property
    def is_done(self) -> bool:
        return self.record.is_finished

    @property
    def places(self) -> list[Path]:
        return [self.folder, *([] if self.trained is None else [self.trained])]

    def _run(self) -> str:
        self.record.begin(self.overrides)
        return super()._run()

    def _note(self, outcome: Outcome) -> None:
        self.record.end(self.overrides, outcome.seconds, outcome.error)
