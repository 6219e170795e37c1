"""One process of a group that trains a tiny network, and notes what its steps were given.

    python -m tests.training.group_worker FILE

with the variables that torchrun would set; without them, one process alone.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
import warnings
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import BrownianBridge
from snowmelt.diffusion.losses import Simple
from snowmelt.diffusion.predictions import Eps
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.diffusion.time_sampling import LowDiscrepancy
from snowmelt.nets.mlp import MLP
from snowmelt.training.batch_order import BatchStream
from snowmelt.training.couplings import OptimalTransport
from snowmelt.training.history import History
from snowmelt.training.module import DiffusionModule
from snowmelt.training.pairs import Pairs
from snowmelt.training.settings import TrainingSettings

STEPS = 100
BATCH = 8
EXAMPLES = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
GIVEN = {
    "steps": STEPS,
    "batch_size": BATCH,
    "learning_rate": 0.01,
    "warmup_steps": 3,
    "ema": {"decay": 0.9},
}
MANIFEST = Manifest(
    kind="points",
    name="tiny",
    count=20,
    train_count=20,
    held_out_count=0,
    shape=(2,),
    dtype="float32",
    value_range=None,
    classes=None,
    class_counts=None,
    mean=(0.0, 0.0),
    std=1.0,
    split={},
    skipped=(),
    notes=(),
    digests={},
    config={},
)


class Seen(Simple):
    """The simple loss, keeping the examples, times and noise that it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[Tensor, ...]] = []

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        if denoiser.net.training:
            self.given.append((x_0, t, eps))
        return super().__call__(denoiser, x_0, t, eps)


def module(parts: int, pairs: Pairs | None = None) -> DiffusionModule:
    torch.manual_seed(0)
    net = MLP((2,), width=8, blocks=1, embedding=4)
    torch.nn.init.normal_(net.last.weight)
    denoiser = Denoiser(net, VariancePreserving(Cosine()), Eps())
    return DiffusionModule(
        denoiser,
        Seen(),
        LowDiscrepancy(),
        MANIFEST,
        TrainingSettings.of(GIVEN),
        seed=7,
        accumulate=parts,
        pairs=pairs,
    )


class Data(pl.LightningDataModule):
    def train_dataloader(self) -> BatchStream:
        assert self.trainer is not None
        return BatchStream(
            EXAMPLES,
            batch_size=BATCH,
            steps=STEPS,
            seed=7,
            rank=self.trainer.global_rank,
            world_size=self.trainer.world_size,
        )


class Shared(pl.Callback):
    """Counts how often gradients are shared among the processes."""

    def __init__(self) -> None:
        self.times = itertools.count()

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.world_size > 1:
            # Without annotations: as texts, torch does not know them.
            hook = lambda state, bucket: self.counted(bucket)  # noqa: E731
            trainer.strategy.model.register_comm_hook(None, hook)

    def counted(self, bucket: Any) -> Any:
        next(self.times)
        return allreduce_hook(None, bucket)


COUPLED = Pairs(OptimalTransport(), BrownianBridge(0.2), batch_size=BATCH)
RUNS = {1: (1, None), 2: (2, None), "coupled": (2, COUPLED)}
"""Of each name the number of parts, and how the examples are paired."""


def run(parts: int, pairs: Pairs | None = None) -> dict[str, Any]:
    """Train; what the steps were given, the losses, and how often gradients were shared."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    world, shared = int(os.environ.get("WORLD_SIZE", "1")), Shared()
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=world,
        strategy="ddp" if world > 1 else "auto",
        max_steps=STEPS,
        max_epochs=-1,
        callbacks=[History(1, EXAMPLES, STEPS), shared],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trained = module(parts, pairs)
    trainer.fit(trained, datamodule=Data())
    loss = trained.loss
    assert isinstance(loss, Seen)
    return {
        "given": [list(one) for one in loss.given],
        "losses": [row["loss"] for row in trained.history],
        "average": dict(trained.ema.net.state_dict()),
        "shared": next(shared.times),
    }


if __name__ == "__main__":
    (file,) = sys.argv[1:]
    torch.save({name: run(*asked) for name, asked in RUNS.items()}, file)
