"""One training from its configuration: a trainer, a module, and the history of its losses.

Progress bars, pictures and tracking are observers: the caller hands them in.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from snowmelt.common import distributed
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Loss
from snowmelt.diffusion.time_sampling import TimeSampler
from snowmelt.training.batch_order import BatchStream
from snowmelt.training.checkpoint import Checkpoint, build_denoiser
from snowmelt.training.history import History
from snowmelt.training.module import DiffusionModule
from snowmelt.training.resume import Resume, sections


class _Data(pl.LightningDataModule):
    """Gives the trainer the batches from the step that it has reached."""

    def __init__(self, data: PreparedData, config: DictConfig) -> None:
        super().__init__()
        self.data = data
        self.config = config

    def train_dataloader(self) -> BatchStream:
        trainer = self.trainer
        assert trainer is not None
        return BatchStream(
            self.data.train,
            batch_size=self.config.training.batch_size,
            steps=self.config.training.steps,
            seed=self.config.seed,
            start=trainer.global_step,
            rank=trainer.global_rank,
            world_size=trainer.world_size,
            labels=self.data.train_labels if self.config.denoiser.conditional else None,
        )


def fit(
    config: DictConfig,
    data: PreparedData,
    resume: Resume,
    identity: str,
    observers: Sequence[pl.Callback] = (),
) -> tuple[Checkpoint, list[dict[str, float]]]:
    """Train, from the saved state if there is one.

    Args:
        resume: where the state is saved, and read from.
        identity: the name that the checkpoint gets.
        observers: callbacks that watch; they come after the one that writes the history.

    Returns:
        The checkpoint, and the history of logged values.

    Raises:
        UserError: the configuration asks for what this machine, the data or the parts
            cannot do, or the gradient is not finite.
    """
    _quiet()
    torch.manual_seed(config.seed)
    denoiser, loss, time_sampler = _parts(config, data)
    module = DiffusionModule(
        denoiser,
        loss,
        time_sampler,
        data.manifest,
        config.training,
        config.seed,
        p_uncond=config.denoiser.p_uncond,
    )
    history = History(
        config.training.log_every,
        data.held_out,
        config.training.picture_every,
        data.held_out_labels if config.denoiser.conditional else None,
    )
    trainer = _trainer(config, [history, *observers, resume])
    saved = str(resume.path) if resume.path.is_file() else None
    trainer.fit(module, datamodule=_Data(data, config), ckpt_path=saved, weights_only=True)
    if trainer.interrupted:
        raise KeyboardInterrupt
    checkpoint = Checkpoint(
        identity=identity,
        step=trainer.global_step,
        config=sections(config),
        manifest=data.manifest,
        raw=denoiser.net.state_dict(),
        ema=module.ema.net.state_dict(),
        schedule={} if denoiser.schedule is None else denoiser.schedule.state_dict(),
    )
    return checkpoint, module.history


def _parts(config: DictConfig, data: PreparedData) -> tuple[Denoiser, Loss, TimeSampler]:
    """What the configuration names, built for the data."""
    manifest = data.manifest
    denoiser = build_denoiser(sections(config), manifest.shape, manifest.classes)
    loss = build(config.loss, Loss, levels=manifest.levels)
    return denoiser, loss, build(config.time_sampling, TimeSampler)


def _trainer(config: DictConfig, callbacks: list[pl.Callback]) -> pl.Trainer:
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    accelerator = config.trainer.accelerator
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise UserError(
            "trainer.accelerator=gpu, but torch finds no GPU here: use trainer=cpu"
        )
    if accelerator == "auto" and not torch.cuda.is_available():
        accelerator = "cpu"
    return pl.Trainer(
        accelerator=accelerator,
        devices=local,
        num_nodes=max(world // local, 1),
        strategy="ddp" if world > 1 else "auto",
        precision=config.trainer.precision,
        max_steps=config.training.steps,
        max_epochs=-1,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        deterministic=accelerator == "cpu",
    )


def check(config: DictConfig, data: PreparedData) -> None:
    """Refuse what cannot be trained, before anything was started or written.

    Raises:
        UserError: a value out of range, or parts that do not fit the data or each other.
    """
    _check_values(config)
    BatchStream(
        data.train,
        batch_size=config.training.batch_size,
        steps=config.training.steps,
        seed=config.seed,
        world_size=distributed.world_size(config.trainer.processes),
    )
    _parts(config, data)


def _check_values(config: DictConfig) -> None:
    training = config.training
    positive = (
        "steps",
        "batch_size",
        "learning_rate",
        "log_every",
        "picture_every",
        "checkpoint_every",
    )
    for key in positive:
        if training[key] is None or not training[key] > 0:
            raise UserError(f"training.{key} must be positive, got {training[key]}")
    for key in ("warmup_steps", "weight_decay"):
        if training[key] is None or training[key] < 0:
            raise UserError(f"training.{key} must not be negative, got {training[key]}")
    dropout = config.denoiser.p_uncond
    if dropout is None or not 0.0 <= dropout <= 1.0:
        raise UserError(f"denoiser.p_uncond must lie in [0, 1], got {dropout}")
    if training.gradient_clip is not None and not training.gradient_clip > 0:
        raise UserError(
            f"training.gradient_clip must be positive or null, got {training.gradient_clip}"
        )
    if (
        distributed.world_size(config.trainer.processes) > 1
        and training.checkpoint_every % training.log_every
    ):
        # Only the first process's sums are saved: a mean must not reach over a save.
        raise UserError(
            "training.checkpoint_every must be a multiple of training.log_every for several"
            f" processes, got {training.checkpoint_every}, {training.log_every}"
        )
    if not 0 <= config.seed < 2**63:
        raise UserError(f"seed must be between 0 and 2^63 - 1, got {config.seed}")


def _quiet() -> None:
    """Silence what Lightning says about choices that are made on purpose here."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for message in (
        ".*does not have many workers.*",
        ".*no `val_dataloader`.*",
        ".*not been set for this class.*",
        ".*IterableDataset.*",
        ".*checkpoint directory.*",
        ".*LeafSpec.*",
        ".*in eval mode at the start.*",
    ):
        warnings.filterwarnings("ignore", message)
