"""Whether this machine has what a configuration asks for, before stage 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig

from snowmelt.common.device import chosen_device
from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.common.instantiate import plain
from snowmelt.common.places import located, not_copied
from snowmelt.evaluation.features import extractor
from snowmelt.pipeline.compatibility import shape_rules
from snowmelt.pipeline.config.read_places import raw_places
from snowmelt.sampling import network_numbers
from snowmelt.training.drawn_pairs import named_pairs
from snowmelt.training.settings import FitSettings


def check_devices(config: DictConfig) -> None:
    """Refuse a device that is not there, or has not the numbers to compute in.

    Raises:
        UserError: naming the key.
    """
    device = chosen_device(config.sample.device)
    network_numbers.check(config.sample.precision, device)
    if config.trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError(
            f"trainer.accelerator={config.trainer.accelerator}, but torch finds no GPU"
            " here: use trainer=cpu, and for photographs experiment=photos32, photos64 or"
            " photos128, whose networks are for a processor"
        )


def find_files(config: DictConfig, root: Path) -> None:
    """Find, or fetch, the files that measuring will need, before hours of training.

    Raises:
        UserError: one is not to be had; where it is from and where to put it is said.
    """
    extractor.find_files(plain(config.features), root)


def find_raw_data(config: DictConfig, root: Path) -> None:
    """Refuse raw data that is not there, before a folder of the run is made.

    Raises:
        UserError: naming the key, and a name beside it that was perhaps meant.
    """
    for key, named in raw_places(config):
        place = located(root, named)
        if place.exists():
            continue
        folder = place.parent
        beside = [one.name for one in folder.iterdir()] if folder.is_dir() else []
        meant = did_you_mean(place.name, beside) or not_copied(place)
        raise UserError(
            f"{key}: {place} does not exist{meant}: give the folder or the file of your"
            " own data"
        )


def check(config: DictConfig, root: Path) -> None:
    """Refuse a device, numbers to compute in, or a file that is not to be had here.

    Raises:
        UserError: naming the key.
    """
    from snowmelt.pipeline.stages import sample

    find_raw_data(config, root)
    check_devices(config)
    find_files(config, root)
    shape = shape_rules.shape_of(config.data, root)
    settings = check_training(config, shape)
    _check_warm_start(config, settings, shape, root)
    named_pairs(settings, root)
    sample.check_named_checkpoint(config, root)


def check_training(config: DictConfig, shape: tuple[int, ...] | None) -> FitSettings:
    """Refuse a training that cannot begin here; returns its settings.

    Args:
        shape: of one example; None where nobody knows it yet.

    Raises:
        UserError: naming the key.
    """
    from snowmelt.training.lightning_trainer import check_trainer  # takes seconds

    settings = FitSettings.of(plain(config))
    check_trainer(settings)
    _check_batches(settings, shape)
    return settings


def _check_batches(settings: FitSettings, shape: tuple[int, ...] | None) -> None:
    """Refuse a batch that the processes cannot share, and mirrored points.

    Raises:
        UserError: naming the key.
    """
    from snowmelt.training.batch_order import BatchStream

    BatchStream(
        np.zeros((1, *(shape or (1, 1, 1))), np.uint8),
        batch_size=settings.training.batch_size,
        steps=settings.training.steps,
        seed=settings.seed,
        world_size=settings.trainer.processes,
        parts=settings.trainer.accumulate,
        flip=settings.training.flip,
    )


def _check_warm_start(
    config: DictConfig, settings: FitSettings, shape: tuple[int, ...] | None, root: Path
) -> None:
    """Look at the checkpoint that the training starts from, as far as it can be known.

    Whether the weights fit depends on the data, whose shape the configuration often tells;
    how many classes there are, only the data itself.

    Raises:
        UserError: it is missing or damaged, would be written over, or does not fit.
    """
    from snowmelt.pipeline.stages.train import named_warm_start
    from snowmelt.training.checkpoint import build_denoiser

    warm = named_warm_start(settings, root / config.paths.model, root)
    if warm is not None and shape is not None and not settings.denoiser.conditional:
        warm.give(build_denoiser(settings.plain(), shape))


def check_jobs(configs: Sequence[DictConfig], root: Path) -> None:
    """The same for all jobs of a sweep; those that ask this machine for the same, once."""
    asked = ("sample", "sampler", "guidance", "trainer", "features")
    for config in configs:
        find_raw_data(config, root)
        named_pairs(FitSettings.of(plain(config)), root)
    different = {str([plain(c)[name] for name in asked]): c for c in configs}
    for config in different.values():
        check(config, root)
