"""Quality against cost of sampling: one model, drawn from by many samplers.

The sampler is part of how numbers were measured, so samplers are not ranked like models.
They are compared with the first job, such as the whole chain of 1000 steps: how much faster
each is, and whether it is as good; see `snowmelt.evaluation.comparison.equivalence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snowmelt.evaluation.comparison.compared_models import Known
from snowmelt.evaluation.comparison.equivalence import Answer, Equivalence


@dataclass(frozen=True)
class Sampling:
    """One sampler with a number of steps, and what its samples are like.

    Attributes:
        sampler: its name, with the settings that set it apart.
        evaluations: of the network, a sample; None where the sampler decides as it goes.
        count: samples, of all sampling seeds together.
        seconds: that drawing them took; None where it is not known.
        distance: of the samples, over the sampling seeds.
        equivalence: beside the reference; None of the reference itself.
    """

    sampler: str
    steps: int | None
    evaluations: float | None
    count: int
    seconds: float | None
    distance: Known
    equivalence: Equivalence | None = None

    @property
    def label(self) -> str:
        return f"{self.sampler}, {self.steps} steps"

    @property
    def rate(self) -> float | None:
        """Samples a second."""
        return self.count / self.seconds if self.seconds else None

    @property
    def cost(self) -> float:
        """What the fastest has least of: seconds a sample, else evaluations."""
        if self.seconds is not None:
            return self.seconds / self.count
        return float("inf") if self.evaluations is None else self.evaluations

    @property
    def answer(self) -> Answer | None:
        """Whether it is equivalent to the reference; None of that itself."""
        return None if self.equivalence is None else self.equivalence.answer


@dataclass(frozen=True)
class SamplingCost:
    """The samplers of one model.

    Attributes:
        training: what sets the model apart from others of the sweep; empty for one alone.
        metric: the key of the distance.
        metric_label: its name for people.
        n: the count that the distance is taken at.
        floor: what a perfect model gets, if that is known.
        reference: what the others are compared with.
        others: by sampler, and by evaluations.
        margin: what difference is none, as a share of the reference.
    """

    training: str
    metric: str
    metric_label: str
    n: int
    floor: Known | None
    reference: Sampling
    others: Sequence[Sampling]
    margin: float

    @property
    def all(self) -> list[Sampling]:
        return [self.reference, *self.others]

    @property
    def is_timed(self) -> bool:
        """Whether the seconds of all samplers are known."""
        return all(one.seconds is not None for one in self.all)

    def answering(self, answer: Answer) -> list[Sampling]:
        return [one for one in self.others if one.answer is answer]

    @property
    def fastest(self) -> Sampling | None:
        """The fastest that is equivalent to the reference, if one is."""
        return min(
            self.answering(Answer.EQUIVALENT), key=lambda one: one.cost, default=None
        )

    def speed(self, one: Sampling) -> float | None:
        """How many times as many samples a second it draws as the reference."""
        if one.rate is None or self.reference.rate is None:
            return None
        return one.rate / self.reference.rate

    def needed(self, one: Sampling) -> int | None:
        """How many samples would show it equal, in four of five cases where it is."""
        if one.equivalence is None:
            return None
        return one.equivalence.needed(min(one.count, self.reference.count))
