"""A step's batch in parts, one after another: their gradients add up to that of the whole.

All parts belong to one step of Lightning, so that whatever counts steps (noise, logs, saved
states) sees no part. Only the last part's gradient is shared among the processes of a
group; with it go those of the others, which each process has added up by itself.
"""

from __future__ import annotations

import contextlib

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import ParallelStrategy
from torch import Tensor


def add_gradient(trainer: pl.Trainer, loss: Tensor) -> None:
    """Add the gradient of a part that is not the last to those before it.

    Args:
        loss: the part's share of the loss, ().
    """
    strategy = trainer.strategy
    alone = (
        strategy.block_backward_sync()
        if isinstance(strategy, ParallelStrategy)
        else contextlib.nullcontext()
    )
    # The step runs in autocast; outside of it a gradient is computed without.
    with alone, torch.autocast(loss.device.type, enabled=False):
        strategy.backward(loss, None)
