"""Noting what a training costs while it runs: machine, time, weights, versions, commit."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from snowmelt.common import distributed
from snowmelt.pipeline.cost_notes import TrainingCosts
from snowmelt.tracking.provenance import origin
from snowmelt.training.history import newest_row
from snowmelt.training.module import DiffusionModule

_VERSIONS = ("snowmelt_version", "torch_version", "python_version")
_CODE = ("git_commit", "git_dirty")


class CostNote(pl.Callback):
    """Notes the cost of a training while it runs, so that a kill loses little of it.

    A training that goes on adds its time to what it took before.

    Args:
        costs: where.
        identity: of the training.
        root: of the project, for the commit.
    """

    def __init__(self, costs: TrainingCosts, identity: str, root: Path) -> None:
        self.costs, self.identity, self.root = costs, identity, root
        self.facts: dict[str, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if distributed.rank() != 0:
            return
        assert isinstance(module, DiffusionModule)
        known = self.costs.facts(self.identity) if trainer.global_step else {}
        trained = [one for one in module.parameters() if one.requires_grad]
        tags = origin(self.root, "train")
        self.before = float(known.get("seconds", 0.0))
        self.since = time.perf_counter()
        self.facts = {
            "machine": described_machine(trainer),
            "weights": sum(one.numel() for one in trained),
            "batch_size": module.training_config.batch_size,
            **{tag: tags[tag] for tag in (*_VERSIONS, *_CODE) if tag in tags},
        }

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        if self.facts and newest_row(trainer, module) is not None:
            self._note(trainer)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self.facts:
            self._note(trainer)

    def _note(self, trainer: pl.Trainer) -> None:
        seconds = self.before + time.perf_counter() - self.since
        now = {"seconds": seconds, "steps": trainer.global_step}
        self.costs.remember(self.identity, self.facts | now)


def described_machine(trainer: pl.Trainer) -> str:
    """What the training runs on: `2 x NVIDIA A100`, `4 threads of an AMD EPYC 7763`."""
    device = trainer.strategy.root_device
    if device.type == "cuda":
        return f"{trainer.world_size} x {torch.cuda.get_device_name(device)}"
    threads = trainer.world_size * torch.get_num_threads()
    return f"{threads} thread{'s' if threads > 1 else ''} of {processor()}"


def processor() -> str:
    """The name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return " ".join(value.split())
    return platform.processor() or platform.machine()
