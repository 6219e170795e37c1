"""Whether this machine has what a configuration asks for, before stage 1."""

from __future__ import annotations

import torch
from omegaconf import DictConfig

from snowmelt.common.device import chosen_device
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.training.settings import FitSettings


def check_devices(config: DictConfig) -> None:
    """Refuse a device that is not there.

    Raises:
        UserError: naming the key.
    """
    chosen_device(config.sample.device)
    if config.trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError(
            f"trainer.accelerator={config.trainer.accelerator}, but torch finds no GPU"
            " here: use trainer=cpu"
        )


def check(config: DictConfig) -> None:
    """Refuse a device, or numbers to compute in, that is not to be had here.

    Raises:
        UserError: naming the key.
    """
    from snowmelt.training.fit import check_trainer  # seconds: it brings Lightning

    check_devices(config)
    check_trainer(FitSettings.of(plain(config)))
