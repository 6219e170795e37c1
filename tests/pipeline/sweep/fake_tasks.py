"""Tasks without a pipeline, for tests of what starts them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snowmelt.common import stopping
from snowmelt.pipeline.sweep.tasks import Outcome, Task


@dataclass(frozen=True, kw_only=True)
class FakeTask(Task):
    """Writes when it began and ended, and by which process, into a file of its folder.

    Attributes:
        seconds: how long it takes.
        end: "well", "killed" or "stays": until it is asked to stop.
    """

    seconds: float = 0.0
    end: str = "well"

    @property
    def is_done(self) -> bool:
        return (self.folder / "ended").is_file()

    def _run(self) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        program = {
            "well": f"import time; time.sleep({self.seconds})",
            "killed": f"import os, signal; os.kill(os.getpid(), {int(signal.SIGKILL)})",
            "stays": "import time; time.sleep(120)",
        }[self.end]
        variables = {**os.environ, **self.variables}
        began = time.time()
        child = stopping.start([sys.executable, "-c", program], variables)
        said = f"{os.getpid()} {child.pid} {variables.get('OMP_NUM_THREADS', '-')}"
        (self.folder / "began").write_text(f"{began} {said}")
        with stopping.ending([child]):
            code = child.wait()
        (self.folder / "ended").write_text(str(time.time()))
        return "" if code == 0 else f"it ended with {code}"

    def _note(self, outcome: Outcome) -> None:
        (self.folder / "note").write_text(outcome.error)


def fake_tasks(folder: Path, ends: Sequence[str], seconds: float = 0.0) -> list[FakeTask]:
    """One for each end, in folders 0, 1, ..."""
    return [
        FakeTask(
            label=f"job {number}",
            command="pipeline",
            root=folder,
            folder=folder / str(number),
            config="",
            file=folder / str(number) / "job.yaml",
            end=end,
            seconds=seconds,
        )
        for number, end in enumerate(ends)
    ]


def began(task: FakeTask) -> tuple[float, int, int, str]:
    """When a task began, in which process, which process it started, in what threads."""
    when, own, child, threads = (task.folder / "began").read_text().split()
    return float(when), int(own), int(child), threads


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
