"""One task after another, with its output on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from snowmelt.pipeline.sweep.launchers.launcher import Ended, Launcher
from snowmelt.pipeline.sweep.tasks import Task


class OneByOne(Launcher):
    """Each task has the whole machine."""

    is_shown = True

    def run(self, tasks: Sequence[Task], begun: Callable[[int], None]) -> Ended:
        for number, task in enumerate(tasks):
            begun(number)
            yield number, task()
