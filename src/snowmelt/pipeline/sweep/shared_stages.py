"""What jobs of a sweep have in common, made once: prepared data, reference and training.

Two jobs share the work of a stage if all settings that it reads are the same. It is done in
a process of its own before the first job, in a folder that is named by what decides it, and
the jobs find it there; so do those of later sweeps. A training that one job alone needs is
done by that job, in its own folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.common.records import read_record
from snowmelt.common.verification import Verification
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation.reference_features import DESCRIPTION
from snowmelt.pipeline.config.overrides import quoted
from snowmelt.pipeline.sweep import job_identity

# The stages that may be shared, in their order, and the key of `paths` that each writes.
WRITTEN = {"prepare": "prepared", "reference": "reference", "train": "model"}
ALONE = ("train",)  # which one job does itself


@dataclass(frozen=True)
class SharedStage:
    """A stage that is run once for several jobs.

    Attributes:
        folder: the name of what it makes, below that of the sweeps.
        jobs: the places of the jobs.
    """

    stage: str
    folder: str
    jobs: tuple[int, ...]

    def override(self, below: Path) -> str:
        """Where its jobs find what it makes."""
        return f"paths.{WRITTEN[self.stage]}={quoted(str(below / self.folder))}"


def planned(configs: Sequence[DictConfig], root: Path) -> list[SharedStage]:
    """The stages that jobs have in common, each after those that it needs."""
    found = []
    for stage, folder in WRITTEN.items():
        alike: dict[str, list[int]] = {}
        for place, config in enumerate(configs):
            digest = job_identity.of_stage(stage, config, root)
            alike.setdefault(digest, []).append(place)
        for digest, places in alike.items():
            if len(places) > 1 or stage not in ALONE:
                name = f"{folder}_{digest[: job_identity.LETTERS]}"
                found.append(SharedStage(stage, name, tuple(places)))
    return found


def is_whole(stage: str, folder: Path) -> bool:
    """Whether a folder that is named by what decides it holds all of it.

    A training looks for itself.
    """
    try:
        if stage == "prepare":
            PreparedData.open(folder).verify().finish()
        elif stage == "reference":
            said = read_record(folder / DESCRIPTION, made_by=stage)
            Verification(folder, said["digests"], made_by=stage).finish()
        else:
            return False
    except (UserError, OSError, LookupError, TypeError, ValueError):
        return False
    return True
