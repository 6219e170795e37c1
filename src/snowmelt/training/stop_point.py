"""Where a training stops when it is asked to: between two steps, with its state saved."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist

from snowmelt.common import stopping
from snowmelt.common.rank_reports import Reporter
from snowmelt.training.module import DiffusionModule
from snowmelt.training.resume import Resume


class StopPoint(pl.Callback):
    """Ends the training after the step in which any process was asked to stop.

    It comes after all observers: the step is whole, and so is what observers made of it.
    On the way it notes what the process is at, for the one that watches over the group.

    Args:
        resume: saves the state.
    """

    def __init__(self, resume: Resume) -> None:
        self.resume = resume
        self._reporter = Reporter()
        self._group: Any = None

    def setup(self, *_: Any, **__: Any) -> None:
        # Lightning's own handler of SIGTERM would broadcast in the middle of a step.
        stopping.handle_signals()

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        stopping.handle_signals()  # it has put its own before ours since
        if trainer.world_size > 1:
            # The processor's own group: to agree costs no wait for a device.
            self._group = dist.new_group(backend="gloo")

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self._mark(trainer, "forward")

    def on_before_backward(self, trainer: pl.Trainer, *_: Any) -> None:
        self._mark(trainer, "backward")

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(module, DiffusionModule)
        self._mark(trainer, "end")
        if self._is_any_asked():
            self.resume.save(trainer)
            raise stopping.Stopped(
                f"after {module.budget.said(trainer.global_step)}, whose state is saved"
            )

    def _mark(self, trainer: pl.Trainer, part: str) -> None:
        # Within a step Lightning still counts those before it.
        step = trainer.global_step + (part != "end")
        self._reporter.mark(f"{part} of step {step}")

    def _is_any_asked(self) -> bool:
        """Whether any process was asked: all stop after the same step, or none."""
        if self._group is None:
            return stopping.is_asked()
        asked = torch.tensor([int(stopping.is_asked())])
        dist.all_reduce(asked, op=dist.ReduceOp.MAX, group=self._group)
        return bool(asked)
