"""The parts of a configuration that decide where its sampler ends."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import torch

from snowmelt.common.instantiate import build
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.guidance.guidance import Guidance
from snowmelt.sampling.samplers.sampler import Sampler


@dataclass(frozen=True)
class Combination:
    """These parts as plain values.

    Attributes:
        text: the sections schedule, process, prediction, sampler and guidance as JSON, so
            that equal combinations are run once.
        learned_variance: whether the network answers a variance.
        shape: of an event; None where that is not known yet.
        is_points: whether the data is points, not images.
    """

    text: str
    learned_variance: bool = False
    shape: tuple[int, ...] | None = None
    is_points: bool = False

    @property
    def sections(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found

    def having(self, **sections: Any) -> Combination:
        """The same with other sections."""
        return replace(self, text=json.dumps(self.sections | sections))


@dataclass(frozen=True)
class Parts:
    """The objects of a combination, made anew: some of them keep a count."""

    process: Process
    prediction: Prediction
    sampler: Sampler
    guidance: Guidance

    @classmethod
    def of(cls, combination: Combination) -> Parts:
        """Build them.

        Raises:
            UserError: one of them refuses its arguments.
        """
        sections = combination.sections
        schedule = build(sections["schedule"], NoiseSchedule)
        process = build(sections["process"], Process, schedule=schedule)
        if isinstance(schedule, torch.nn.Module):
            schedule.requires_grad_(False)
        return cls(
            process=process,
            prediction=build(sections["prediction"], Prediction),
            sampler=build(sections["sampler"], Sampler),
            guidance=build(sections["guidance"], Guidance),
        )

    @property
    def exaggerates(self) -> bool:
        """Whether the samples are meant to be further apart than the data."""
        return self.guidance.needs_labels and self.sampler.threshold is None
