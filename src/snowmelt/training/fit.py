"""One training from its settings: a trainer, a module, and the history of its losses.

Progress bars, pictures and tracking are observers: the caller hands them in.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from snowmelt.common import distributed, stopping
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.start_points import StartPoints
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Loss
from snowmelt.diffusion.time_sampling import TimeSampler
from snowmelt.training.batch_order import BatchStream
from snowmelt.training.budget import budget_of
from snowmelt.training.checkpoint import Checkpoint, build_denoiser
from snowmelt.training.clock import Clock
from snowmelt.training.execution import compile_network, computing
from snowmelt.training.finite import NotFinite
from snowmelt.training.history import History
from snowmelt.training.module import DiffusionModule
from snowmelt.training.optimizers import Recipe
from snowmelt.training.pairs import Pairs, has_start
from snowmelt.training.resume import Resume
from snowmelt.training.settings import FitSettings
from snowmelt.training.stop_point import StopPoint


class TrainingData(pl.LightningDataModule):
    """Gives the trainer the batches from the step that it has reached."""

    def __init__(self, data: PreparedData, settings: FitSettings) -> None:
        super().__init__()
        self.data = data
        self.settings = settings

    def train_dataloader(self) -> BatchStream:
        trainer = self.trainer
        assert trainer is not None
        return BatchStream(
            self.data.train,
            batch_size=self.settings.training.batch_size,
            steps=self.settings.training.steps,
            seed=self.settings.seed,
            start=trainer.global_step,
            rank=trainer.global_rank,
            world_size=trainer.world_size,
            parts=self.settings.trainer.accumulate,
            labels=self.data.train_labels if self.settings.denoiser.conditional else None,
            flip=self.settings.training.flip,
        )


def fit(
    settings: FitSettings,
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
        UserError: the settings ask for what this machine, the data or the parts
            cannot do, or the loss or the gradient is not finite.
        Stopped: this process was asked to stop; the state is saved.
    """
    module = new_module(settings, data)
    history = History(
        settings.training.log_every,
        data.held_out,
        module.budget.picture_every,
        data.held_out_labels if settings.denoiser.conditional else None,
    )
    trainer = new_trainer(
        settings, [history, *observers, resume, StopPoint(resume), Clock()]
    )
    saved = resume.newest()
    try:
        with stopping.deferred(), computing(settings.trainer):
            trainer.fit(
                module,
                datamodule=TrainingData(data, settings),
                ckpt_path=None if saved is None else str(saved),
                weights_only=True,
            )
    except NotFinite as fault:
        raise UserError(f"{fault}; {resume.described()}") from None
    denoiser = module.denoiser
    checkpoint = Checkpoint(
        identity=identity,
        step=trainer.global_step,
        config=settings.plain(),
        manifest=data.manifest,
        raw=denoiser.net.state_dict(),
        ema=module.ema.net.state_dict(),
        schedule={} if denoiser.schedule is None else denoiser.schedule.state_dict(),
        processes=module.processes,
        seconds=module.budget.seconds,
        further=module.averages.by_decay(),
        snapshots=module.averages.snapshots,
        start=None if module.starts is None else module.starts.data.manifest,
        has_score=denoiser.has_score,
    )
    return checkpoint, module.history


def new_module(settings: FitSettings, data: PreparedData) -> DiffusionModule:
    """What the settings train, before its first step; compiled, if they ask for it.

    Raises:
        UserError: a part is refused, or the network cannot be compiled here.
    """
    torch.manual_seed(settings.seed)
    denoiser, loss, time_sampler = _parts(settings, data)
    pairs = pairs_of(settings, data)
    denoiser.start, denoiser.has_score = pairs.starts, pairs.is_diffusion()
    module = DiffusionModule(
        denoiser,
        loss,
        time_sampler,
        data.manifest,
        settings.training,
        settings.seed,
        p_uncond=settings.denoiser.p_uncond,
        p_self_conditioned=settings.denoiser.p_self_conditioned,
        optimizer=build(settings.optimizer, Recipe),
        accumulate=settings.trainer.accumulate,
        pairs=None if pairs.is_diffusion() else pairs,
    )
    if settings.trainer.compile is True:
        compile_network(denoiser)  # after the average was copied from it, which is not
    return module


def starts_of(settings: FitSettings, data: PreparedData) -> StartPoints | None:
    """The starts that lie beside the data; None where the settings begin with noise.

    Raises:
        UserError: they are missing, or others than the settings name.
    """
    if not has_start({"start": settings.start}):
        return None
    starts = StartPoints.open(data.folder, data.manifest)
    starts.check_made_from(settings.start["of"])
    return starts


def pairs_of(settings: FitSettings, data: PreparedData) -> Pairs:
    """The pairs that the settings name.

    Raises:
        UserError: a part is refused, or the starts are.
    """
    starts = starts_of(settings, data)
    pairs = Pairs.of(settings.plain(), starts, settings.training.batch_size)
    if pairs.coupling.is_paired and starts is not None:
        starts.check_paired()
    return pairs


def _parts(settings: FitSettings, data: PreparedData) -> tuple[Denoiser, Loss, TimeSampler]:
    """The denoiser, loss and time sampler that the settings name, for this data."""
    manifest = data.manifest
    denoiser = build_denoiser(settings.plain(), manifest.shape, manifest.classes)
    loss = build(settings.loss, Loss, levels=manifest.levels)
    return denoiser, loss, build(settings.time_sampling, TimeSampler)


def new_trainer(settings: FitSettings, callbacks: list[pl.Callback]) -> pl.Trainer:
    """Lightning's trainer for the settings; what they leave open is at its default.

    Raises:
        UserError: there is no such device here.
    """
    _quiet()
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    accelerator = settings.trainer.accelerator
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
        precision=settings.trainer.without_probe().precision,  # type: ignore[arg-type]
        max_steps=budget_of(settings.training).max_steps,
        max_epochs=-1,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        deterministic=accelerator == "cpu",
    )


def check_trainer(settings: FitSettings) -> None:
    """Refuse an accelerator or a precision that Lightning cannot have on this machine.

    Raises:
        UserError: naming both.
    """
    try:
        new_trainer(settings, [])
    except (MisconfigurationException, ValueError, RuntimeError, ImportError) as error:
        trainer, reason = settings.trainer, " ".join(str(error).split())
        raise UserError(
            f"trainer.accelerator={trainer.accelerator} with"
            f" trainer.precision={trainer.precision} cannot be had here: {reason[:300]}"
        ) from error


def check(settings: FitSettings, data: PreparedData) -> None:
    """Refuse what cannot be trained, before anything was started or written.

    Raises:
        UserError: values or parts that do not fit the data or each other.
    """
    check_trainer(settings)
    training, world = settings.training, distributed.world_size(settings.trainer.processes)
    BatchStream(
        data.train,
        batch_size=training.batch_size,
        steps=training.steps,
        seed=settings.seed,
        world_size=world,
        flip=training.flip,
        parts=settings.trainer.accumulate,
    )
    _parts(settings, data)
    pairs_of(settings, data)


def _quiet() -> None:
    """Silence what Lightning says about choices that are made on purpose here."""
    for name in (
        "pytorch_lightning",
        "lightning.pytorch",
        "lightning_fabric",
        "lightning.fabric",
    ):
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
