"""The device that a configuration asks for."""

from __future__ import annotations

import torch

from snowmelt.common import distributed
from snowmelt.common.errors import UserError


def chosen_device(name: str) -> torch.device:
    """The device to sample on; `auto` is a GPU where there is one.

    Raises:
        UserError: it is not known, or not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"sample.device={name} cannot be used here: {reason}") from error
    if device.type == "cuda" and device.index is None and distributed.is_launched():
        device = torch.device("cuda", distributed.local_rank())
    return device
