"""Observers of a training: logged numbers, pictures, a progress bar.

These observe, and decide no byte of a checkpoint; `snowmelt.training` does not know them.
"""

from __future__ import annotations

import contextlib
import functools
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from snowmelt.common import distributed
from snowmelt.common.drafts import scratch_folder
from snowmelt.common.instantiate import plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.scaling import to_stored
from snowmelt.pipeline.compatibility import training_rules
from snowmelt.pipeline.cost_notes import TrainingCosts
from snowmelt.pipeline.kept_pictures import KeptPictures
from snowmelt.pipeline.progress_bar import ProgressBar
from snowmelt.pipeline.schedule_cards import log_card
from snowmelt.pipeline.training_costs import CostNote
from snowmelt.sampling.samplers import DDIM, Sampler, sample
from snowmelt.sampling.samplers.thresholds import Clip
from snowmelt.tracking.run import Run
from snowmelt.training.budget import Budget
from snowmelt.training.evaluation_notes import noted
from snowmelt.training.history import newest_row
from snowmelt.training.module import DiffusionModule
from snowmelt.training.pairs import estimates_data
from snowmelt.viz.plots.example_grid import save_examples
from snowmelt.viz.sweep_page.moment import Moment

PICTURED = 64
PICTURE_SEED = 0  # of every run: pictures of two runs start from the same noise
MINUTES = "train/minutes"  # of all processes that the training took
PICTURE_STEPS = 25  # of 600 steps of training these take the time of about nine


def watch(
    run: Run, config: DictConfig, data: PreparedData, root: Path, identity: str
) -> list[pl.Callback]:
    """Log what is known before the first step; returns the callbacks that log the rest.

    Args:
        identity: of the training.
    """
    harmless = Harmless()
    run.log_prepared(root / config.paths.prepared)
    if distributed.rank() == 0:
        issues = training_rules.issues(training_rules.built(config))
        if config.tracking.enabled:
            with harmless("the schedule card"):
                log_card(run, config, issues, root)
    classes = len(data.manifest.classes or ()) if config.denoiser.conditional else 0
    # A quick deterministic sampler: pictures show the weights, not the sampler.
    sections = plain(config)
    with_score = bool(sections["denoiser"].get("with_score", False))
    has_range = data.manifest.kind == "images" and estimates_data(sections, with_score)
    threshold = Clip() if has_range else None
    sampler = DDIM(PICTURE_STEPS, eta=0.0, threshold=threshold)

    def kept() -> KeptPictures:
        return KeptPictures.of(root, identity)

    observers = {
        "the log of numbers": MetricLog(run),
        "the picture of samples": SamplePictures(run, sampler, PICTURE_SEED, classes, kept),
        "the note of the cost": CostNote(TrainingCosts(root), identity, root),
        "the progress bar": ProgressBar(),
    }
    return [Guarded(name, one, harmless) for name, one in observers.items()]


class Harmless:
    """Says, once, what an observer failed with, instead of ending the training."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever it is, no byte of the checkpoint needs it
            reason = (str(error).strip().splitlines() or [""])[0]
            message = f"{name} is left out: {type(error).__name__}: {reason}"
            if message not in self.said:
                self.said.add(message)
                # A broken pipe, or a full disk behind it, may be what failed.
                with contextlib.suppress(OSError, ValueError):
                    print(f"train: warning: {message}", file=sys.stderr)


class Guarded(pl.Callback):
    """An observer that cannot end the training that it observes.

    Args:
        name: what it shows, for the line on the terminal.
        harmless: a context that swallows errors.
    """

    def __init__(self, name: str, observer: pl.Callback, harmless: Harmless) -> None:
        self.observer = observer
        self._name, self._harmless = name, harmless
        for hook in vars(type(observer)):
            if hook.startswith("on_"):
                setattr(self, hook, self._guarded(getattr(observer, hook)))

    def _guarded(self, hook: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(hook)
        def guarded(*given: Any) -> None:
            with self._harmless(self._name):
                hook(*given)

        return guarded


class MetricLog(pl.Callback):
    """Sends the history to the tracker, row by row, with the speed of the training."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.run.set_tags({"device": _described_device(trainer)})
        self.since, self.steps = time.perf_counter(), 0
        self.minutes = self.run.newest(MINUTES) or 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(module, DiffusionModule)
        self.steps += 1
        row = newest_row(trainer, module)
        if row is None:
            return
        seconds = time.perf_counter() - self.since
        speed = self.steps * module.training_config.batch_size / seconds
        values = {f"train/{key}": value for key, value in row.items() if key != "step"}
        self.minutes += seconds / 60
        values |= {"train/examples_per_second": speed, MINUTES: self.minutes}
        self.run.log_metrics(values, step=trainer.global_step)
        self.since, self.steps = time.perf_counter(), 0


class SamplePictures(pl.Callback):
    """Logs samples of the averaged weights every so often, from the same noise each time.

    Args:
        classes: how many classes a conditional network knows; they take turns.
        kept: says where some of them are kept for the page of a sweep.
    """

    def __init__(
        self,
        run: Run,
        sampler: Sampler,
        seed: int,
        classes: int = 0,
        kept: Callable[[], KeptPictures] | None = None,
    ) -> None:
        self.run = run
        self.sampler = sampler
        self.seed = seed
        self.classes = classes
        self.kept: KeptPictures | None = None
        self._place = kept

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self._place is not None and trainer.is_global_zero:
            self.kept = self._place()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(module, DiffusionModule)
        step, budget = trainer.global_step, module.budget
        if not trainer.is_global_zero or not budget.passed(budget.picture_every):
            return
        index = torch.arange(PICTURED, device=module.device)
        labels = index % self.classes if self.classes else None
        what = f"picture of samples after step {step}"
        with noted(module.ema.net, what), _mixed_numbers(trainer):
            x = sample(
                module.averaged().with_labels(labels),
                self.sampler,
                index,
                module.manifest.shape,
                seed=self.seed,
            )
        stored = to_stored(x, module.manifest).cpu().numpy()
        at = _shown_at(step, budget)
        with scratch_folder() as folder:
            path = folder / "samples.png"
            save_examples(path, stored, module.manifest.value_range)
            self.run.log_picture("samples", path, step=at)
        if self.kept is not None:
            self.kept.keep(stored, Moment(at, is_share=budget.is_timed))


def _shown_at(step: int, budget: Budget) -> int:
    """The step of a picture that pictures of other trainings have too.

    That of a training by the clock is its share in per cent.
    """
    if not budget.is_timed:
        return step
    parts = math.floor(budget.after / budget.picture_every)
    return round(100 * parts * budget.picture_every / budget.total)


def _mixed_numbers(trainer: pl.Trainer) -> contextlib.AbstractContextManager[None]:
    """What a step computes in, where that is faster than the weights' own numbers."""
    if trainer.precision.endswith("-mixed"):
        return trainer.precision_plugin.forward_context()
    return contextlib.nullcontext()


def _described_device(trainer: pl.Trainer) -> str:
    """What the training runs on: `2 x NVIDIA A100`, `1 x cpu`."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{trainer.world_size} x {name}"
