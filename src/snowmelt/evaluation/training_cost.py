"""What a training cost, in the line that conferences ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from snowmelt.evaluation.number_format import duration, number

SHORT = 10  # letters of a commit


@dataclass(frozen=True)
class Compute:
    """What is known of the cost of a training; None or empty where it is not.

    Attributes:
        machine: what it ran on, `1 x NVIDIA H100` or the name of a processor.
        seconds: that the steps took, interrupted ones too.
        weights: numbers that were trained.
        steps: of the optimiser.
        batch_size: examples a step, of all processes together.
        sampling_seconds: that drawing the samples took.
        samples: how many were drawn.
        versions: of the programs, by name.
        commit: of the code.
        is_changed: whether the code had changes beside that commit.
        trainings: how many are added up here.
    """

    machine: str = ""
    seconds: float | None = None
    weights: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    sampling_seconds: float | None = None
    samples: int | None = None
    versions: tuple[tuple[str, str], ...] = ()
    commit: str = ""
    is_changed: bool = False
    trainings: int = 1

    @property
    def examples_seen(self) -> int | None:
        """Examples that went into a step, each as often as it did."""
        if self.steps is None or self.batch_size is None:
            return None
        return self.steps * self.batch_size

    @property
    def line(self) -> str:
        """What is known, in a few sentences."""
        parts = [self._training(), self._sampling(), self._code()]
        return " ".join(part for part in parts if part)

    def _training(self) -> str:
        many = self.trainings > 1
        said = []
        if self.weights is not None:
            said.append(f"{self.weights:,} weights")
        if self.steps is not None and self.batch_size is not None:
            said.append(f"{self.steps:,} steps of {self.batch_size:,} examples")
            said.append(f"{number(self.examples_seen or 0)} examples seen")
        size = f"{', '.join(said)}{' each' if many and said else ''}"
        on = f" on {self.machine}" if self.machine else ""
        took = f" in {duration(self.seconds)}" if self.seconds is not None else ""
        if not (size or on or took):
            return ""
        what = f"{self.trainings} trainings" if many else "Trained"
        total = " altogether" if many and took else ""
        return f"{what}{on}{took}{total}{': ' if size else ''}{size}."

    def _sampling(self) -> str:
        if self.sampling_seconds is None:
            return ""
        count = f"{self.samples:,} samples" if self.samples is not None else "The samples"
        return f"{count} took {duration(self.sampling_seconds)}."

    def _code(self) -> str:
        said = []
        if self.versions:
            said.append(f"with {', '.join(map(' '.join, self.versions))}")
        if self.commit:
            changed = " with uncommitted changes" if self.is_changed else ""
            said.append(f"at commit {self.commit[:SHORT]}{changed}")
        return f"Made {', '.join(said)}." if said else ""


def added_up(costs: Sequence[Compute]) -> Compute:
    """Several trainings: their times added up, and what all of them have in common.

    A time that one of them lacks is left out, since the sum would be too small.
    """
    first, *others = costs
    if not others:
        return first
    same = {
        name: getattr(first, name)
        for name in ("machine", "weights", "steps", "batch_size", "versions", "commit")
        if all(getattr(one, name) == getattr(first, name) for one in others)
    }
    seconds = [one.seconds for one in costs]
    known = [value for value in seconds if value is not None]
    return replace(
        Compute(),
        **same,
        seconds=sum(known) if len(known) == len(seconds) else None,
        is_changed=any(one.is_changed for one in costs),
        trainings=len(costs),
    )
