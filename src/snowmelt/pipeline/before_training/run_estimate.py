"""What a long training will take, said before it starts: time, memory and disk.

The operations are counted, so that a short training is told apart without trying it. Of a
long one a few steps are timed on this machine, as `trainer=auto` does; memory and disk
follow from the counts, and are right to about a third.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.pipeline import memory_advice
from snowmelt.pipeline.before_training.network_cost import FLOAT, NetworkCost, cost_of
from snowmelt.training.checkpoint import build_net
from snowmelt.training.settings import FitSettings, TrainerSettings
from snowmelt.training.speed_probe import STEPS, seconds_of_step

# Operations of a training from which on it is long: some 20 minutes of two cores, or ten of
# a GPU.
LONG, LONG_ON_GPU = 2e14, 1e16
LONG_MINUTES = 20.0
BACKWARD = 3  # times the operations of a forward pass that a step has
MUCH_ATTENTION = 0.3  # of the operations
PROBED = 16  # images at most in a timed step on a processor
LIBRARIES = 0.8e9  # bytes of Python, torch and what it computes with
# Of a training, beside what its optimiser keeps: weights, gradient and average; in a saved
# state, of which two are kept, and in a checkpoint, weights and average.
SETS_IN_MEMORY, SETS_SAVED, SETS_IN_CHECKPOINT = 3, 2, 2
# Of what is kept for the backward pass, where the network computes in bfloat16: on a
# processor, and on a GPU, whose normalisation stays in float32.
HALF, HALF_ON_GPU = 0.6, 0.8


@dataclass(frozen=True)
class Estimate:
    """Of one training.

    Attributes:
        seconds: of a step; None where it was not timed.
        memory, disk: bytes.
    """

    settings: FitSettings
    shape: tuple[int, ...]
    cost: NetworkCost
    seconds: float | None
    memory: float
    disk: float

    def lines(self) -> Iterator[str]:
        """What is said of it."""
        training, cost = self.settings.training, self.cost
        length = "" if training.steps is None else f"{training.steps:,} steps of "
        yield (
            f"{length}{training.batch_size} examples of {'x'.join(map(str, self.shape))};"
            f" {cost.parameters / 1e6:.3g} million parameters,"
            f" {cost.operations / 1e9:.2g} GFLOP an example forward"
        )
        yield f"estimated: {', '.join(self._parts())}"
        share = cost.attention / cost.operations
        if share > MUCH_ATTENTION:
            yield (
                f"attention between {cost.places:,} places takes {share:.0%} of the"
                " operations, and 16 times as many at twice the side: leave it to the"
                " coarse resolutions (net.attention), or take net.patch=2"
            )

    def _parts(self) -> Iterator[str]:
        steps = self.settings.training.steps
        if self.seconds is not None and steps is not None:
            whole = whole_minutes(steps * self.seconds)
            yield f"{whole} ({self.seconds:.2g} s a step, of {STEPS} timed here)"
        where = " on each GPU" if on_gpu(self.settings.trainer) else ""
        yield f"{size(self.memory)} of memory{where}"
        yield f"{size(self.disk)} of disk"


def of_long(settings: FitSettings, data: PreparedData) -> Estimate | None:
    """The estimate of a training that is long; None of one that is not.

    Args:
        settings: with nothing left open in the trainer.
    """
    training, trainer = settings.training, settings.trainer
    shape = tuple(data.manifest.shape)
    long = LONG_ON_GPU if on_gpu(trainer) else LONG
    if (training.minutes or math.inf) < LONG_MINUTES:
        return None
    images = BACKWARD * training.batch_size * (training.steps or math.inf)
    if images * _most_operations(settings, data) < long:
        return None
    cost = cost_of(settings.plain(), shape, data.manifest.classes)
    if images * cost.operations < long:
        return None
    return Estimate(
        settings=settings,
        shape=shape,
        cost=cost,
        seconds=None if training.steps is None else timed(settings, data),
        memory=memory_of(settings, cost),
        disk=disk_of(settings, cost),
    )


def _most_operations(settings: FitSettings, data: PreparedData) -> float:
    """More than an answer has: as if each weight were used at each pixel.

    It is known at once, where counting takes seconds.
    """
    shape = tuple(data.manifest.shape)
    net = build_net(settings.plain(), shape, data.manifest.classes)
    return 2.0 * math.prod(shape[1:]) * sum(weight.numel() for weight in net.parameters())


def timed(settings: FitSettings, data: PreparedData) -> float:
    """The seconds of a step, by a part of it in this process.

    On a GPU that is what it takes at once. On a processor, whose cores the processes share,
    a step takes as long as its images do, and what it does once, such as that of the
    optimiser: a few images and a single one tell the two apart.
    """
    trainer, whole = settings.trainer, settings.training.batch_size
    share = max(whole // (trainer.processes * trainer.accumulate), 1)
    if on_gpu(trainer):
        return _seconds(settings, data, share) * trainer.accumulate
    few = min(share, PROBED)
    of_few = _seconds(settings, data, few)
    if few == whole or few == 1:
        return of_few * whole / few
    of_one = min(_seconds(settings, data, 1), of_few)
    # A step of n images takes once + n each.
    each = (of_few - of_one) / (few - 1)
    once = max(of_one - each, 0.0)
    return once * trainer.processes + (of_few - once) / few * whole


def _seconds(settings: FitSettings, data: PreparedData, count: int) -> float:
    """Of a step of so many images."""
    trainer = settings.trainer.model_copy(update={"accumulate": 1, "compile": False})
    training = settings.training.model_copy(update={"batch_size": count})
    changed = {"trainer": trainer, "training": training}
    return seconds_of_step(settings.model_copy(update=changed), data)


def memory_of(settings: FitSettings, cost: NetworkCost) -> float:
    """The bytes of memory, of the device that trains, that each process takes."""
    training, trainer = settings.training, settings.trainer
    images = training.batch_size / (trainer.processes * trainer.accumulate)
    half = HALF_ON_GPU if on_gpu(trainer) else HALF
    kept = cost.kept_bytes * (half if trainer.precision == "bf16-mixed" else 1.0)
    sets = SETS_IN_MEMORY + _further_averages(settings)
    return LIBRARIES + FLOAT * (sets * cost.parameters + cost.optimizer) + images * kept


def disk_of(settings: FitSettings, cost: NetworkCost) -> float:
    """The bytes of the checkpoint and of the two saved states."""
    more = _further_averages(settings)
    ema = settings.training.ema
    more_kept = more + ema.snapshots * len(ema.tracked) if ema.snapshots else more
    sets = SETS_IN_CHECKPOINT + more_kept + 2 * (SETS_SAVED + more_kept)
    return float(FLOAT * (sets * cost.parameters + 2 * cost.optimizer))


def _further_averages(settings: FitSettings) -> int:
    ema = settings.training.ema
    return len(ema.further) + (len(ema.tracked) if ema.snapshots else 0)


def on_gpu(trainer: TrainerSettings) -> bool:
    """Whether the training runs on a GPU of this machine."""
    return trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def shortages(estimate: Estimate, folder: Path) -> Iterator[str]:
    """What to do where there is less memory, or room on the disk, than that.

    Args:
        folder: below which checkpoint and saved states will lie.
    """
    trainer = estimate.settings.trainer
    if on_gpu(trainer):
        there, needed = torch.cuda.get_device_properties(0).total_memory, estimate.memory
    else:
        there, needed = psutil.virtual_memory().total, estimate.memory * trainer.processes
    if needed >= there:
        yield (
            f"that is more memory than the {size(there)} of this"
            f" {'GPU' if on_gpu(trainer) else 'machine'}: {_less(estimate.settings)}"
        )
    free = shutil.disk_usage(folder).free
    if estimate.disk >= free:
        yield (
            f"that is more room than the {size(free)} that are free in {folder}: make room"
            " there, or the training will stop at a saved state"
        )


def _less(settings: FitSettings) -> str:
    """What takes less memory: parts, where a batch can be divided further."""
    trainer, batch_size = settings.trainer, settings.training.batch_size
    more = memory_advice.more_parts(batch_size, trainer.processes, trainer.accumulate)
    if more is None:
        return f"lower training.batch_size ({batch_size}), or choose a smaller net"
    same = "" if settings.net.get("dropout") else ", and is the same training"
    return f"trainer.accumulate={more} takes each batch in parts{same}"


def whole_minutes(seconds: float) -> str:
    """In two units, none of them seconds: `2 h 40 min`."""
    minutes = max(round(seconds / 60), 1)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} days {hours} h" if days > 1 else f"1 day {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def size(count: float) -> str:
    """Such as `1.6 GB`."""
    return f"{count / 1e9:.2g} GB" if count >= 1e9 else f"{count / 1e6:.2g} MB"
