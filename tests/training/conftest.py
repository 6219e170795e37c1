"""A tiny training that takes a second."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Loss, Simple
from snowmelt.diffusion.predictions import Eps
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine, NoiseSchedule
from snowmelt.diffusion.time_sampling import LowDiscrepancy, TimeSampler
from snowmelt.nets.mlp import MLP
from snowmelt.training.batch_order import BatchStream
from snowmelt.training.clock import Clock
from snowmelt.training.module import DiffusionModule
from snowmelt.training.optimizers import Recipe
from snowmelt.training.pairs import Pairs
from snowmelt.training.settings import FitSettings, TrainingSettings

SETTINGS = {
    "steps": 12,
    "batch_size": 8,
    "learning_rate": 0.05,
    "warmup_steps": 3,
    "weight_decay": 0.0,
    "gradient_clip": 1.0,
    "ema": {"decay": 0.9, "warmup_power": 0.6667},
}


@pytest.fixture
def manifest() -> Manifest:
    """Of thirty points, the first twenty for training."""
    return Manifest(
        kind="points",
        name="tiny",
        count=30,
        train_count=20,
        held_out_count=10,
        shape=(2,),
        dtype="float32",
        value_range=None,
        classes=None,
        class_counts=None,
        mean=(1.0, -2.0),
        std=3.0,
        split={"kind": "random", "seed": 0, "held_out_fraction": 0.2},
        skipped=(),
        notes=(),
        digests={"points.npy": "00"},
        config={"name": "tiny"},
    )


@pytest.fixture
def examples() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)


@pytest.fixture
def labels() -> np.ndarray:
    """Of three classes."""
    return np.arange(20, dtype=np.int64) % 3


@pytest.fixture
def make_module(manifest: Manifest) -> Callable[..., DiffusionModule]:
    """A function that makes a module; the same initial weights each time."""

    def make(
        seed: int = 7,
        dropout: float = 0.0,
        loss: Loss | None = None,
        time_sampler: TimeSampler | None = None,
        schedule: NoiseSchedule | None = None,
        classes: int = 0,
        p_uncond: float = 0.0,
        self_conditioned: bool = False,
        p_self_conditioned: float = 0.5,
        optimizer: Recipe | None = None,
        accumulate: int = 1,
        pairs: Pairs | None = None,
        **training: Any,
    ) -> DiffusionModule:
        torch.manual_seed(0)
        loss = loss or Simple()
        net = MLP(
            (2,),
            width=8,
            blocks=1,
            embedding=4,
            dropout=dropout,
            classes=classes,
            inputs=2 if self_conditioned else 1,
            outputs=2 if loss.needs_learned_variance else 1,
        )
        torch.nn.init.normal_(net.last.weight)
        process = VariancePreserving(schedule or Cosine())
        learned = loss.needs_learned_variance
        denoiser = Denoiser(net, process, Eps(), learned, self_conditioned)
        settings = TrainingSettings.of(SETTINGS | training)
        return DiffusionModule(
            denoiser,
            loss,
            time_sampler or LowDiscrepancy(),
            manifest,
            settings,
            seed,
            p_uncond=p_uncond,
            p_self_conditioned=p_self_conditioned,
            optimizer=optimizer,
            accumulate=accumulate,
            pairs=pairs,
        )

    return make


@pytest.fixture
def settings_of() -> Callable[..., FitSettings]:
    """A function that makes the settings of a tiny training; sections may be given."""
    parts = {
        "schedule": "schedules.Cosine",
        "process": "processes.VariancePreserving",
        "prediction": "predictions.Eps",
        "loss": "losses.Simple",
        "time_sampling": "time_sampling.LowDiscrepancy",
    }
    built = {name: {"_target_": f"snowmelt.{part}"} for name, part in parts.items()}
    net = {"_target_": "snowmelt.nets.MLP", "width": 8, "blocks": 1, "embedding": 4}

    def make(**sections: Any) -> FitSettings:
        training = SETTINGS | sections.pop("training", {})
        whole = built | {"net": net, "seed": 7, "training": training} | sections
        return FitSettings.of(whole)

    return make


@pytest.fixture
def fit(examples: np.ndarray, labels: np.ndarray) -> Callable[..., pl.Trainer]:
    """A function that trains a module with Lightning from its saved state, if given."""

    class Data(pl.LightningDataModule):
        def __init__(self, module: DiffusionModule) -> None:
            super().__init__()
            self.module = module

        def train_dataloader(self) -> BatchStream:
            training = self.module.training_config
            assert self.trainer is not None
            return BatchStream(
                examples,
                batch_size=training.batch_size,
                steps=training.steps,
                seed=self.module.seed,
                start=self.trainer.global_step,
                labels=labels if self.module.p_uncond else None,
            )

    def train(
        module: DiffusionModule,
        *callbacks: pl.Callback,
        saved: Any = None,
        precision: Any = "32-true",
    ) -> pl.Trainer:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer = pl.Trainer(
                accelerator="cpu",
                precision=precision,
                max_steps=module.budget.max_steps,
                max_epochs=-1,
                callbacks=[*callbacks, Clock()],
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                use_distributed_sampler=False,
                deterministic=True,
            )
            trainer.fit(module, datamodule=Data(module), ckpt_path=saved, weights_only=True)
        return trainer

    yield train
    torch.use_deterministic_algorithms(False)
