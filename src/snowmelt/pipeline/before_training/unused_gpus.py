"""A word about a GPU that is here and that a training leaves idle, or uses slowly."""

from __future__ import annotations

import torch

from snowmelt.common import distributed
from snowmelt.training.settings import TrainerSettings
from snowmelt.training.speed_finding import has_bf16


def hint(trainer: TrainerSettings, batch_size: int) -> str | None:
    """What to type for the GPUs of this machine; None where nothing is to be gained.

    Args:
        trainer: with nothing left open.
        batch_size: examples a step, which the processes share in equal parts.
    """
    if distributed.is_launched() or not torch.cuda.is_available():
        return None
    count, name = torch.cuda.device_count(), torch.cuda.get_device_name(0)
    here = f"a GPU is here ({name})" if count == 1 else f"{count} GPUs are here ({name})"
    sharing = _sharing(count, trainer, batch_size)
    group = f"trainer=ddp trainer.processes={sharing}"
    on = "on all of them"
    if sharing < count:
        on = f"on {sharing} of them, the most that share training.batch_size={batch_size}"
    if trainer.accelerator == "cpu":
        also = f"; {group} {on}" if sharing > 1 else ""
        return f"{here} and unused: {_on_one(trainer)}{also}"
    if trainer.processes < sharing:
        return f"{here} and {trainer.processes} used: {group} trains {on}"
    if trainer.precision == "32-true" and has_bf16(trainer):
        computes = "and computes" if count == 1 else f"and {trainer.processes} compute"
        return f"{here} {computes} in float32: trainer.precision=bf16-mixed is faster"
    if trainer.precision == "bf16-mixed" and not has_bf16(trainer):
        return (
            f"{here}, without bfloat16, which torch imitates at a loss of speed:"
            " trainer.precision=32-true (or trainer=gpu alone, which looks for it)"
        )
    return None


def _sharing(count: int, trainer: TrainerSettings, batch_size: int) -> int:
    """How many GPUs of `count` a batch can be shared by, each in as many parts as now."""
    parts = trainer.accumulate
    return max((n for n in range(1, count + 1) if batch_size % (n * parts) == 0), default=1)


def _on_one(trainer: TrainerSettings) -> str:
    """What to type for one GPU, and the numbers that it will compute in."""
    if has_bf16(trainer.model_copy(update={"accelerator": "gpu"})):
        return "trainer=gpu trains on one, in bfloat16"
    return "trainer=gpu trains on one"
