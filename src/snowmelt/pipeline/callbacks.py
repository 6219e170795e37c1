"""What a person sees of a training: a progress bar, logged numbers, pictures."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from tqdm import tqdm

from snowmelt.data.prepared.scaling import to_stored
from snowmelt.sampling.samplers.sampler import Sampler, sample
from snowmelt.tracking.run import Run
from snowmelt.training.module import DiffusionModule
from snowmelt.viz.plots.example_grid import save_examples

PICTURED = 64
HELD_OUT = 512


class ProgressBar(pl.Callback):
    """Steps done, steps a second and the last mean loss, on one line."""

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.bar = tqdm(
            total=trainer.max_steps,
            initial=trainer.global_step,
            desc="train",
            unit="step",
            disable=not trainer.is_global_zero,
            dynamic_ncols=True,
        )

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        self.bar.update()
        assert isinstance(module, DiffusionModule)
        if module.history and module.history[-1]["step"] == trainer.global_step:
            self.bar.set_postfix(loss=f"{module.history[-1]['loss']:.4f}")

    def on_train_end(self, *_: Any) -> None:
        self.bar.close()

    def on_exception(self, *_: Any) -> None:
        if hasattr(self, "bar"):
            self.bar.close()


class Log(pl.Callback):
    """Means over `every` steps: to the tracker, and to the module's history.

    The history holds what follows from the configuration and the data alone, so a resumed
    run has the same; how fast it went is for the tracker only.
    """

    def __init__(
        self,
        run: Run,
        every: int,
        held_out: np.ndarray,
        held_out_every: int,
        held_out_labels: np.ndarray | None = None,
    ) -> None:
        self.run = run
        self.every = every
        self.held_out = held_out[:HELD_OUT]
        self.held_out_labels = held_out_labels
        self.held_out_every = held_out_every

    def on_train_start(self, *_: Any) -> None:
        self.since = time.perf_counter()
        self.steps = 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(module, DiffusionModule)
        step = trainer.global_step
        self.steps += 1
        is_last = step == trainer.max_steps
        if step % self.every and not is_last:
            return
        row = {
            "step": step,
            "loss": float(module.mean_loss.compute()),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "gradient_norm": float(module.mean_norm.compute()),
        }
        module.mean_loss.reset()
        module.mean_norm.reset()
        seconds = time.perf_counter() - self.since
        speed = self.steps * module.training_config.batch_size / seconds
        if trainer.is_global_zero and (step % self.held_out_every == 0 or is_last):
            stored = torch.from_numpy(np.array(self.held_out))
            labels = self.held_out_labels
            told = None if labels is None else torch.from_numpy(np.array(labels[:HELD_OUT]))
            row["held_out_loss"] = module.held_out_loss(stored, told)
        module.history.append(row)
        values = {f"train/{key}": value for key, value in row.items() if key != "step"}
        self.run.log_metrics(values | {"train/examples_per_second": speed}, step=step)
        self.since, self.steps = time.perf_counter(), 0


class Pictures(pl.Callback):
    """Samples of the averaged weights every so often, the same noise each time.

    Of `classes` classes, if the network is told them, one after the other.
    """

    def __init__(
        self, run: Run, every: int, sampler: Sampler, seed: int, classes: int = 0
    ) -> None:
        self.run = run
        self.every = every
        self.sampler = sampler
        self.seed = seed
        self.classes = classes

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(module, DiffusionModule)
        step = trainer.global_step
        if step % self.every or not trainer.is_global_zero:
            return
        index = torch.arange(PICTURED, device=module.device)
        x = sample(
            module.averaged().with_labels(index % self.classes if self.classes else None),
            self.sampler,
            index,
            module.manifest.shape,
            seed=self.seed,
        )
        stored = to_stored(x, module.manifest).cpu().numpy()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "samples.png"
            save_examples(path, stored, module.manifest)
            self.run.log_picture("samples", path, step=step)
