"""Lightning's trainer, as the section `trainer` asks for it, or why it cannot be had."""

from __future__ import annotations

import logging
import os
import warnings

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from snowmelt.common.errors import UserError
from snowmelt.training.budget import budget_of
from snowmelt.training.settings import FitSettings, TrainerSettings


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
        UserError: naming both; or more processes than GPUs.
    """
    _check_gpus(settings.trainer)
    try:
        new_trainer(settings, [])
    except (MisconfigurationException, ValueError, RuntimeError, ImportError) as error:
        trainer, reason = settings.trainer, " ".join(str(error).split())
        raise UserError(
            f"trainer.accelerator={trainer.accelerator} with"
            f" trainer.precision={trainer.precision} cannot be had here: {reason[:300]}"
        ) from error


def _check_gpus(trainer: TrainerSettings) -> None:
    """Refuse more processes than GPUs, where each process takes one."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE", trainer.processes))
    is_meant = trainer.accelerator in ("auto", "gpu", "cuda")
    there = torch.cuda.device_count() if is_meant and torch.cuda.is_available() else local
    if local > there:
        raise UserError(
            f"trainer.processes={local} takes as many GPUs, and this machine has {there}:"
            f" set trainer.processes={there}, or trainer.accelerator=cpu"
        )


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
