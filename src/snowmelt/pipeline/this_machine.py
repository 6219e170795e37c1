"""Whether this machine has what a configuration asks for, before stage 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig

from snowmelt.common.device import chosen_device
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.evaluation.features import extractor
from snowmelt.sampling import network_numbers
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
            " here: use trainer=cpu"
        )


def find_files(config: DictConfig, root: Path) -> None:
    """Find, or fetch, the files that measuring will need, before hours of training.

    Raises:
        UserError: one is not to be had; where it is from and where to put it is said.
    """
    extractor.find_files(plain(config.features), root)


def check(config: DictConfig, root: Path) -> None:
    """Refuse a device, numbers to compute in, or a file that is not to be had here.

    Raises:
        UserError: naming the key.
    """
    from snowmelt.pipeline.stages import sample
    from snowmelt.training.lightning_trainer import check_trainer  # takes seconds
    from snowmelt.training.warm_start import warm_start_of

    check_devices(config)
    find_files(config, root)
    settings = FitSettings.of(plain(config))
    check_trainer(settings)
    warm_start_of(settings, root)
    sample.check_named_checkpoint(config, root)


def check_jobs(configs: Sequence[DictConfig], root: Path) -> None:
    """The same for all jobs of a sweep; those that ask this machine for the same, once."""
    asked = ("sample", "sampler", "guidance", "trainer", "features")
    different = {str([plain(c)[name] for name in asked]): c for c in configs}
    for config in different.values():
        check(config, root)
