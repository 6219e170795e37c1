"""One training from its settings: a trainer, a module, and the history of its losses.

Progress bars, pictures and tracking are observers: the caller hands them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytorch_lightning as pl
import torch

from snowmelt.common import distributed, stopping
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.start_points import StartPoints, made_from
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Loss
from snowmelt.diffusion.time_sampling import TimeSampler
from snowmelt.training.batch_order import BatchStream
from snowmelt.training.checkpoint import Checkpoint, build_denoiser
from snowmelt.training.clock import Clock
from snowmelt.training.drawn_pairs import DrawnPairs
from snowmelt.training.execution import compile_network, computing
from snowmelt.training.finite import NotFinite
from snowmelt.training.history import History
from snowmelt.training.lightning_trainer import check_trainer, new_trainer
from snowmelt.training.module import DiffusionModule
from snowmelt.training.optimizers import Recipe
from snowmelt.training.pairs import Pairs, has_start
from snowmelt.training.resume import Resume
from snowmelt.training.settings import FitSettings
from snowmelt.training.stop_point import StopPoint
from snowmelt.training.warm_start import WarmStart


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
    warm: WarmStart | None = None,
    drawn: DrawnPairs | None = None,
) -> tuple[Checkpoint, list[dict[str, float]]]:
    """Train, from the saved state if there is one.

    Args:
        resume: where the state is saved, and read from.
        identity: the name that the checkpoint gets.
        observers: callbacks that watch; they come after the one that writes the history.
        warm: whose weights it starts from, unless there is a saved state.
        drawn: the pairs that it learns from, where another flow drew them.

    Returns:
        The checkpoint, and the history of logged values.

    Raises:
        UserError: the settings ask for what this machine, the data or the parts
            cannot do, or the loss or the gradient is not finite.
        Stopped: this process was asked to stop; the state is saved.
    """
    module = new_module(settings, data, warm, drawn)
    if drawn is not None:
        data = drawn.data
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
        lineage=[] if warm is None else warm.lineage,
    )
    return checkpoint, module.history


def new_module(
    settings: FitSettings,
    data: PreparedData,
    warm: WarmStart | None = None,
    drawn: DrawnPairs | None = None,
) -> DiffusionModule:
    """What the settings train, before its first step; compiled, if they ask for it.

    Raises:
        UserError: a part is refused, or the network cannot be compiled here, or has not
            the weights to start from.
    """
    torch.manual_seed(settings.seed)
    denoiser, loss, time_sampler = _parts(settings, data)
    if warm is not None:
        warm.give(denoiser)
    pairs = pairs_of(settings, data, drawn)
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
    starts = StartPoints.open(data.folder, data.manifest, settings.start)
    key, decisive = made_from(settings.start)
    starts.check_made_from(decisive, key)
    return starts


def pairs_of(
    settings: FitSettings, data: PreparedData, drawn: DrawnPairs | None = None
) -> Pairs:
    """The pairs that the settings name.

    Raises:
        UserError: a part is refused, or the starts are.
    """
    starts = starts_of(settings, data)
    pairs = Pairs.of(settings.plain(), starts, settings.training.batch_size)
    if drawn is not None:
        return replace(pairs, drawn=drawn.starts)
    # A probe of the speed takes any rows for pairs that another flow has drawn.
    is_prepared = settings.coupling.get("samples") is None
    if pairs.coupling.is_paired and is_prepared and starts is not None:
        starts.check_paired()
    return pairs


def _parts(settings: FitSettings, data: PreparedData) -> tuple[Denoiser, Loss, TimeSampler]:
    """The denoiser, loss and time sampler that the settings name, for this data."""
    manifest = data.manifest
    denoiser = build_denoiser(settings.plain(), manifest.shape, manifest.classes)
    loss = build(settings.loss, Loss, levels=manifest.levels)
    return denoiser, loss, build(settings.time_sampling, TimeSampler)


def check(
    settings: FitSettings,
    data: PreparedData,
    warm: WarmStart | None = None,
    drawn: DrawnPairs | None = None,
) -> None:
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
    denoiser, *_ = _parts(settings, data)
    if warm is not None:
        warm.give(denoiser)
    pairs_of(settings, data, drawn)
