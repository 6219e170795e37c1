"""What trains fastest on this machine, found out by a few steps of each possibility.

Processors differ: one multiplies in bfloat16 four times as fast as in float32, another not
at all, and a compiled network gains from nothing to a half. So the keys of the section
`trainer` that are `auto` are tried on the network, the batch and the data of the training.
The steps are Lightning's own, so that what is timed is what will run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import pytorch_lightning as pl
import torch

from snowmelt.common import stopping
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.training.execution import computing, why_not_compiled
from snowmelt.training.fit import TrainingData, new_module
from snowmelt.training.lightning_trainer import new_trainer
from snowmelt.training.settings import FitSettings, TrainerSettings

STEPS = 3  # timed of each possibility, in each of two rounds
WORTHWHILE = 0.95  # of the time: less of a gain is not worth coarser numbers
COMPILE_SECONDS = 60.0  # about what compiling takes on two cores
GAIN_OF_COMPILING = 0.05  # about the least: a training gains more than compiling costs
Say = Callable[[str], None]


@dataclass(frozen=True)
class Timing:
    """How long a step took with one possibility."""

    trainer: TrainerSettings
    seconds: float

    def described(self, batch_size: int) -> str:
        """One line: `bf16-mixed, 2 threads: 172 examples/s`."""
        return f"{named(self.trainer)}: {batch_size / self.seconds:.3g} examples/s"


def fastest(settings: FitSettings, data: PreparedData, say: Say = print) -> TrainerSettings:
    """The trainer of the settings with every open key decided.

    A possibility with coarser numbers, other threads or a compiled network is taken only
    where it saves a twentieth of the time.

    Args:
        say: is told each timing, a line each.
    """
    asked, chosen = settings.trainer, settings.trainer.without_probe()
    seconds = None
    for possibilities in (_numbers, _threads):
        several = possibilities(asked, chosen)
        if len(several) > 1:
            best = _best(settings, data, several, say)
            chosen, seconds = best.trainer, best.seconds
    if asked.compile == "auto" and _may_pay(settings, data, chosen, seconds):
        compiled = chosen.model_copy(update={"compile": True})
        chosen = _best(settings, data, [chosen, compiled], say).trainer
    return chosen


def named(trainer: TrainerSettings) -> str:
    """What a timing is of, in words."""
    parts = [str(trainer.precision)]
    if trainer.conv_precision == "bf16":
        parts.append("convolutions in bf16")
    if trainer.compile is True:
        parts.append("compiled")
    if trainer.threads is not None:
        parts.append(f"{trainer.threads} threads")
    return ", ".join(parts)


def _numbers(asked: TrainerSettings, chosen: TrainerSettings) -> list[TrainerSettings]:
    """The possible numbers to compute in, the finest first."""
    precisions = (
        ["32-true", "bf16-mixed"] if asked.precision == "auto" else [chosen.precision]
    )
    tried = [chosen.model_copy(update={"precision": one}) for one in precisions]
    if asked.conv_precision == "auto" and precisions[0] == "32-true" and not _on_gpu(asked):
        tried.insert(1, tried[0].model_copy(update={"conv_precision": "bf16"}))
    return tried


def _threads(asked: TrainerSettings, chosen: TrainerSettings) -> list[TrainerSettings]:
    """torch's own number of threads, and that of the cores, where that is smaller."""
    cores = psutil.cpu_count(logical=False)
    if asked.threads != "auto" or cores is None or cores >= torch.get_num_threads():
        return [chosen]
    return [chosen, chosen.model_copy(update={"threads": cores})]


def _may_pay(
    settings: FitSettings,
    data: PreparedData,
    chosen: TrainerSettings,
    seconds: float | None,
) -> bool:
    """Whether the training is so long that a compiled network may gain what it costs.

    Args:
        seconds: of a step, if that is known.
    """
    candidate = settings.model_copy(update={"trainer": chosen})
    if why_not_compiled(new_module(candidate, data).denoiser) is not None:
        return False
    training = settings.training
    if training.steps is None:
        whole = 60.0 * (training.minutes or 0.0)
    else:
        whole = training.steps * (seconds or seconds_of_step(candidate, data))
    return whole * GAIN_OF_COMPILING > COMPILE_SECONDS


def _best(
    settings: FitSettings, data: PreparedData, tried: Sequence[TrainerSettings], say: Say
) -> Timing:
    """The fastest; the first unless another saves a twentieth of its time."""
    seconds: dict[int, list[float]] = {number: [] for number in range(len(tried))}
    # There and back, so that a machine that gets slower or faster favours none.
    for number in (*seconds, *reversed(seconds)):
        candidate = settings.model_copy(update={"trainer": tried[number]})
        seconds[number].append(seconds_of_step(candidate, data))
    timings = [Timing(tried[number], min(found)) for number, found in seconds.items()]
    for timing in timings:
        say(timing.described(settings.training.batch_size))
    best = min(timings, key=lambda timing: timing.seconds)
    return best if best.seconds < WORTHWHILE * timings[0].seconds else timings[0]


def seconds_of_step(settings: FitSettings, data: PreparedData) -> float:
    """The median time of a step, after a first one that is not counted."""
    length = {"steps": STEPS + 1, "minutes": None}
    training = settings.training.model_copy(update=length)
    settings = settings.model_copy(update={"training": training})
    watch = _Stopwatch()
    module = new_module(settings, data)
    with stopping.deferred(), computing(settings.trainer):
        new_trainer(settings, [watch]).fit(
            module, datamodule=TrainingData(data, settings), weights_only=True
        )
    return statistics.median(watch.seconds[1:])


class _Stopwatch(pl.Callback):
    """The time of each step, from the end of the one before."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def setup(self, *_: Any, **__: Any) -> None:
        stopping.handle_signals()  # Lightning has its own

    def on_train_start(self, *_: Any) -> None:
        self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        stopping.check()
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)
        now = time.perf_counter()
        self.seconds.append(now - self._since)
        self._since = now


def _on_gpu(trainer: TrainerSettings) -> bool:
    return trainer.accelerator != "cpu" and torch.cuda.is_available()
