"""Several tasks at once on this machine, by joblib.

Its threads only wait: what computes are the processes of the tasks. joblib's own processes
would stand between, and hear a request to stop before the tasks have saved their state.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from joblib import Parallel, delayed

from snowmelt.common import stopping
from snowmelt.pipeline.sweep.launchers.launcher import Ended, Launcher
from snowmelt.pipeline.sweep.tasks import Outcome, Task


class InThreads(Launcher):
    """Divides the cores of this machine among tasks.

    Args:
        at_once: how many tasks run at a time.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once

    def run(self, tasks: Sequence[Task], begun: Callable[[int], None]) -> Ended:
        is_over = threading.Event()

        def one(number: int) -> tuple[int, Outcome]:
            if is_over.is_set():
                return number, Outcome("it was stopped before it began")
            begun(number)
            return number, tasks[number].unseen(self._cores(len(tasks)))()

        pool = Parallel(
            n_jobs=min(self.at_once, max(len(tasks), 1)),
            backend="threading",
            pre_dispatch="n_jobs",
            return_as="generator_unordered",
        )
        try:
            yield from pool(delayed(one)(number) for number in range(len(tasks)))
        except BaseException:  # also where whoever asks for outcomes asks no more
            is_over.set()
            stopping.end_children()
            raise

    def _cores(self, tasks: int) -> int | None:
        """The share of each; None where somebody has said how many threads to take."""
        if "OMP_NUM_THREADS" in os.environ:
            return None
        return max(len(os.sched_getaffinity(0)) // min(self.at_once, tasks), 1)
