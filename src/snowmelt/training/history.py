"""The history of a training: losses over steps, a function of its inputs alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from snowmelt.common.csv_table import write_csv
from snowmelt.training.module import DiffusionModule

COLUMNS = ("step", "loss", "held_out_loss", "learning_rate", "gradient_norm")
HELD_OUT = 512


class History(pl.Callback):
    """Appends the means over `every` steps to the module's history.

    A row follows from the configuration and the data alone, so a resumed training has the
    same rows. Callbacks that come after this one may read the newest row.

    Args:
        every: steps between two rows; the last step has a row too.
        held_out: examples that are not trained on, of which the first 512 are used.
        held_out_every: places between two losses of those: `snowmelt.training.budget`.
        held_out_labels: their classes, if the network is conditional.
    """

    def __init__(
        self,
        every: int,
        held_out: np.ndarray,
        held_out_every: float,
        held_out_labels: np.ndarray | None = None,
    ) -> None:
        self.every = every
        self.held_out = held_out[:HELD_OUT]
        self.held_out_labels = held_out_labels
        self.held_out_every = held_out_every

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(module, DiffusionModule)
        step = trainer.global_step
        is_last = module.budget.is_spent
        # The moment may lie between two rows, which have a third there then.
        is_measured = module.budget.passed(self.held_out_every)
        if step % self.every != 0 and not is_last and not is_measured:
            return
        row = {
            "step": step,
            "loss": float(module.mean_loss.compute()),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "gradient_norm": float(module.mean_norm.compute()),
        }
        module.mean_loss.reset()
        module.mean_norm.reset()
        if trainer.is_global_zero and (is_measured or is_last):
            row["held_out_loss"] = self._held_out_loss(module)
        module.history.append(row)

    def _held_out_loss(self, module: DiffusionModule) -> float:
        stored = torch.from_numpy(np.array(self.held_out))
        if self.held_out_labels is None:
            return module.held_out_loss(stored)
        labels = np.array(self.held_out_labels[:HELD_OUT])
        return module.held_out_loss(stored, torch.from_numpy(labels))


def newest_row(trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, float] | None:
    """The row of the history that this step has added; None if it has added none."""
    assert isinstance(module, DiffusionModule)
    if module.history and module.history[-1]["step"] == trainer.global_step:
        return module.history[-1]
    return None


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write the rows as a table; a cell is empty where a value was not measured."""
    write_csv(path, history, COLUMNS)
