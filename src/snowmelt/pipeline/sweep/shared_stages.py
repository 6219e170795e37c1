"""What jobs of a sweep have in common, made once: prepared data, reference and training.

Two jobs share the work of a stage if all settings that it reads are the same. It is done in
a process and a folder of its own before the first job, and the jobs find it there. What one
job alone needs it makes itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from snowmelt.common.instantiate import plain
from snowmelt.common.records import content_digest
from snowmelt.pipeline.config.overrides import quoted
from snowmelt.training.settings import FitSettings

# The stages that may be shared, in their order, and the key of `paths` that each writes.
WRITTEN = {"prepare": "prepared", "reference": "reference", "train": "model"}


@dataclass(frozen=True)
class SharedStage:
    """A stage that is run once for several jobs.

    Attributes:
        folder: the name of what it makes, below that of the sweep.
        jobs: the places of the jobs, at least two.
    """

    stage: str
    folder: str
    jobs: tuple[int, ...]

    def override(self, below: Path) -> str:
        """Where its jobs find what it makes."""
        return f"paths.{WRITTEN[self.stage]}={quoted(str(below / self.folder))}"


def planned(configs: Sequence[DictConfig]) -> list[SharedStage]:
    """The stages that jobs have in common, each after those that it needs."""
    found = []
    for stage, folder in WRITTEN.items():
        alike: dict[str, list[int]] = {}
        for place, config in enumerate(configs):
            alike.setdefault(content_digest(read_by(stage, plain(config))), []).append(
                place
            )
        several = [places for places in alike.values() if len(places) > 1]
        for number, places in enumerate(several):
            name = folder if len(several) == 1 else f"{folder}_{number}"
            found.append(SharedStage(stage, name, tuple(places)))
    return found


def read_by(stage: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """All settings that decide what a stage makes, those of the stages before it too."""
    found = {"data": config["data"]}
    if stage == "reference":
        found["features"] = config["features"]
    if stage == "train":
        found |= FitSettings.of(config).plain()
    return found
