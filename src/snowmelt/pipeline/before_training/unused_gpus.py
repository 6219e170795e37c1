"""A word about a GPU that is here and that a training leaves idle, or uses slowly."""

from __future__ import annotations

import torch

from snowmelt.common import distributed
from snowmelt.training.settings import TrainerSettings


def hint(trainer: TrainerSettings) -> str | None:
    """What to type for the GPUs of this machine; None where nothing is to be gained.

    Args:
        trainer: with nothing left open.
    """
    if distributed.is_launched() or not torch.cuda.is_available():
        return None
    count, name = torch.cuda.device_count(), torch.cuda.get_device_name(0)
    here = f"a GPU is here ({name})" if count == 1 else f"{count} GPUs are here ({name})"
    all_of_them = f"trainer=ddp trainer.processes={count}"
    computes = "and computes" if count == 1 else "and all compute"
    if trainer.accelerator == "cpu":
        also = f"; {all_of_them} on all of them" if count > 1 else ""
        return f"{here} and unused: trainer=gpu trains on one, in bfloat16{also}"
    if trainer.processes < count:
        return f"{here} and {trainer.processes} used: {all_of_them} trains on all of them"
    if trainer.precision == "32-true":
        return f"{here} {computes} in float32: trainer.precision=bf16-mixed is faster"
    return None
