"""How long a training is, in steps or in minutes, and how far along it is.

The schedules of the learning rate and of the averages run over places, from 0 to `total`.
In a training of steps a place is the number of steps taken. In one of minutes it is the
share of the time that was used, times `PARTS`: as if it had that many steps, of whatever
length.

The time of a training is that of its steps: from when it may take the next batch until the
weights and their averages are changed. Set-up, held-out losses, pictures, logs and saved
states take none of it.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from snowmelt.training.settings import TrainingSettings

PARTS = 2400  # the default of training.steps, which the averages' decay is meant for


class Budget(ABC):
    """The length of a training.

    Attributes:
        is_timed: whether it ends by the clock, and at a step that nobody knows before.
        length: its steps, or its seconds if it is timed.
        total: the place at which it ends.
        warmup: the place at which the warm-up of the learning rate ends.
        picture_every: places between two pictures and held-out losses.
        seconds: what its steps took, if it is timed; else None.
        before, after: the places before and after the newest step.
    """

    is_timed: bool = False
    length: float
    total: float
    warmup: float
    picture_every: float
    seconds: float | None = None
    before: float = 0
    after: float = 0

    @property
    @abstractmethod
    def max_steps(self) -> int:
        """The steps after which it ends; -1 where they do not end it."""

    @abstractmethod
    def took(self, step: int, seconds: float) -> None:
        """Note that step `step`, counted from 1, was taken in so many seconds."""

    def go_on(self, seconds: float | None) -> None:
        """Count what was used before the training was cut short."""
        self.seconds = seconds

    @abstractmethod
    def used(self, step: int) -> float:
        """What of its length `step` steps have used."""

    @abstractmethod
    def place_of(self, step: int) -> float:
        """The place at which the learning rate of the step after `step` others stands."""

    @abstractmethod
    def said(self, step: int) -> str:
        """How far it is after `step` steps, in words."""

    @property
    def is_spent(self) -> bool:
        """Whether the newest step was the last."""
        return self.after >= self.total

    def passed(self, every: float) -> bool:
        """Whether the newest step has come to, or past, a multiple of `every`."""
        return math.floor(self.after / every) > math.floor(self.before / every)

    def has_reached(self, parts: int) -> bool:
        """Whether the newest step ends one of so many equal parts of the training."""
        before, after = self.before * parts / self.total, self.after * parts / self.total
        return math.floor(after) > math.floor(before)


class Steps(Budget):
    """A training of a number of steps; it can be repeated to the byte."""

    def __init__(self, training: TrainingSettings) -> None:
        assert training.steps is not None
        self.length = self.total = self._max_steps = training.steps
        self.warmup = training.warmup_steps
        self.picture_every = training.picture_every

    @property
    def max_steps(self) -> int:
        return self._max_steps

    def took(self, step: int, seconds: float) -> None:
        self.before, self.after = step - 1, step

    def used(self, step: int) -> float:
        return step

    def place_of(self, step: int) -> float:
        return step

    def said(self, step: int) -> str:
        return f"step {step} of {self._max_steps}"


class Minutes(Budget):
    """A training that ends by the clock; how many steps it takes depends on the machine."""

    is_timed = True

    def __init__(self, training: TrainingSettings) -> None:
        assert training.minutes is not None
        self.length = 60.0 * training.minutes
        self.total = PARTS
        self.warmup = PARTS * training.warmup_share
        self.picture_every = PARTS * training.picture_share
        self.seconds = 0.0

    @property
    def max_steps(self) -> int:
        return -1

    def took(self, step: int, seconds: float) -> None:
        self.before = self._place()
        self.seconds = (self.seconds or 0.0) + seconds
        self.after = self._place()

    def go_on(self, seconds: float | None) -> None:
        super().go_on(seconds)
        self.before = self.after = self._place()

    def used(self, step: int) -> float:
        return min(self.seconds or 0.0, self.length)

    def place_of(self, step: int) -> float:
        return self._place()

    def said(self, step: int) -> str:
        return (
            f"step {step}, {(self.seconds or 0) / 60:.2f} of {self.length / 60:g} minutes"
        )

    def _place(self) -> float:
        return PARTS * min((self.seconds or 0.0) / self.length, 1.0)


def budget_of(training: TrainingSettings) -> Budget:
    """The length that the settings give."""
    return Steps(training) if training.minutes is None else Minutes(training)


class Stopwatch:
    """Adds up nothing: gives the seconds since it was started, once.

    Args:
        clock: seconds from any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._since: float | None = None

    def start(self) -> None:
        """Run, from now unless it runs already."""
        if self._since is None:
            self._since = self.clock()

    def stop(self) -> float:
        """The seconds since it was started; 0 if it was not."""
        seconds = 0.0 if self._since is None else self.clock() - self._since
        self._since = None
        return seconds
