"""What a launcher does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from typing import ClassVar

from snowmelt.pipeline.sweep.tasks import Outcome, Task

Ended = Generator[tuple[int, Outcome], None, None]


class Launcher(ABC):
    """Starts tasks, and ends those that still run when it is closed.

    Attributes:
        is_shown: whether the output of tasks is on the terminal.
        said: where a task runs, for the line that tells of its begin.
    """

    is_shown: ClassVar[bool] = False
    said: str = ""

    @abstractmethod
    def run(self, tasks: Sequence[Task], begun: Callable[[int], None]) -> Ended:
        """Run all tasks; yields the place and the outcome of each as it ends.

        Args:
            begun: is told the place of a task that begins.
        """
