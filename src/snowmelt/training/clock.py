"""Lets the time of a training run during its steps, and ends a training of minutes."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from snowmelt.training.module import DiffusionModule


class Clock(pl.Callback):
    """Comes last of the callbacks, so that the others take none of the training's time.

    The module stops the watch itself, when the weights and their averages are changed.
    """

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._go_on(trainer, module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        self._go_on(trainer, module)

    def _go_on(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, DiffusionModule)
        # One that was saved after its last step has none left to take.
        if module.budget.is_spent and module.budget.is_timed:
            trainer.should_stop = True
        else:
            module.watch.start()
