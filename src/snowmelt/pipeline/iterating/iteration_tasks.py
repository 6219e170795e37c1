"""The commands of an iterated fitting, each run once, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.common.instantiate import plain
from snowmelt.common.records import read_record
from snowmelt.common.verification import Verification
from snowmelt.common.yaml_files import dump_yaml
from snowmelt.pipeline import job_stages, output_locks
from snowmelt.pipeline.iterating.iteration_chain import PAIRS, Chain
from snowmelt.pipeline.sweep import job_identity
from snowmelt.pipeline.sweep.shared_stages import WRITTEN
from snowmelt.pipeline.sweep.tasks import JobTask, Outcome, SharedTask, Task
from snowmelt.training.iterated_fitting import Iteration

ONCE = ("prepare", "reference")  # what the iterations of a direction have in common
_RECORD = "samples.json"


@dataclass(frozen=True, kw_only=True)
class IterationTask(JobTask):
    """The pipeline of an iteration, done while its model is there for the next one.

    Attributes:
        model: its checkpoint.
    """

    model: Path

    @property
    def is_done(self) -> bool:
        return super().is_done and self.model.is_file()


@dataclass(frozen=True, kw_only=True)
class PairsTask(Task):
    """Draws the pairs for the next iteration; done if those of this model are there.

    Attributes:
        model: the checkpoint that draws them.
        wanted: what their record says of them.
    """

    model: Path
    wanted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        try:
            said = read_record(self.folder / _RECORD, made_by=self.command)
            wanted = {key: said[key] for key in self.wanted}
            is_of_model = said["checkpoint"]["sha256"] == sha256(self.model)
            if wanted != dict(self.wanted) or not is_of_model:
                return False
            Verification(self.folder, said["digests"], made_by=self.command).finish()
        except (UserError, OSError, LookupError, TypeError):
            return False
        return True

    def _note(self, outcome: Outcome) -> None:
        """Its folder, whole or absent, says it."""


def direction_tasks(chain: Chain, *, to_data: bool) -> list[SharedTask]:
    """What the iterations of a direction have in common, in its order."""
    config = chain.direction(to_data=to_data)
    return [
        SharedTask(
            label=f"once for all iterations {way(to_data)}: {stage}",
            folder=chain.root / str(config.paths[WRITTEN[stage]]),
            file=chain.root / str(config.paths.root) / f"{stage}.yaml",
            **_command(stage, config, chain.root),
        )
        for stage in ONCE
    ]


def iteration_task(
    chain: Chain, iteration: Iteration, variables: Mapping[str, str]
) -> IterationTask:
    """The pipeline of an iteration, but for the stages that are done for it.

    Args:
        variables: that tell its process of the tracked run.
    """
    config, root = chain.config(iteration), chain.root
    folder = root / str(config.paths.root)
    left_out = [*ONCE, *([] if chain.settings.reports else ["report"])]
    return IterationTask(
        label=label(chain, iteration),
        folder=folder,
        file=folder / "job.yaml",
        variables={**variables, **job_stages.told_without(left_out)},
        identity=job_identity.of_job(config, root),
        metrics=root / str(config.paths.reports) / "metrics.json",
        overrides={"iteration": str(iteration.number)},
        model=root / str(config.sample.checkpoint),
        **_command("pipeline", config, root),
    )


def pairs_task(chain: Chain, iteration: Iteration) -> PairsTask:
    """What draws the pairs of an iteration."""
    config, root = chain.pairs_config(iteration), chain.root
    wanted = {key: config.sample[key] for key in ("num_samples", "seed")}
    if (part := config.sample.starts) != "held_out":
        wanted["starts"] = part
    return PairsTask(
        label=f"{label(chain, iteration)}: pairs for the next",
        folder=root / str(config.paths.samples),
        file=chain.root / chain.place_of(iteration.number) / f"{PAIRS}.yaml",
        model=root / str(config.sample.checkpoint),
        wanted=wanted,
        **_command("sample", config, root),
    )


def way(to_data: bool) -> str:
    """A direction in words."""
    return "to the data" if to_data else "to the starts"


def label(chain: Chain, iteration: Iteration) -> str:
    """An iteration in words."""
    return f"iteration {iteration.number} of {len(chain.plan)}, {way(iteration.to_data)}"


def _command(command: str, config: DictConfig, root: Path) -> dict[str, Any]:
    """What a task says of its command."""
    folder = root / str(config.paths.root)
    written = output_locks.written_by(command, config, root)
    return {
        "command": command,
        "root": root,
        "config": dump_yaml(plain(config)),
        "writes": [place for place in written if place.is_relative_to(folder)],
        "processes": config.trainer.processes,
    }
