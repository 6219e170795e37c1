"""train: prepared data in, a checkpoint out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from snowmelt import tracking
from snowmelt.common import distributed
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_directory, require_ours
from snowmelt.common.instantiate import plain
from snowmelt.common.made_folders import is_inside
from snowmelt.common.places import located
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.pipeline import launch, saved_state
from snowmelt.pipeline.before_training import (
    replaced_training,
    run_estimate,
    unused_gpus,
)
from snowmelt.pipeline.callbacks import Harmless, watch
from snowmelt.pipeline.compatibility import shape_rules, training_rules
from snowmelt.tracking.location import main_root
from snowmelt.training import checkpoint, model_record
from snowmelt.training.drawn_pairs import drawn_pairs_of
from snowmelt.training.execution import compiled_where_possible
from snowmelt.training.finished import Finished
from snowmelt.training.fit import check, fit, starts_of
from snowmelt.training.history import write_history
from snowmelt.training.intact_data import IntactData
from snowmelt.training.resume import Resume, training_identity
from snowmelt.training.settings import OPEN, FitSettings
from snowmelt.training.speed_finding import decided
from snowmelt.training.speed_probe import named
from snowmelt.training.warm_start import WarmStart, warm_start_of

MARKER = "model.ckpt"


def run(config: DictConfig, root: Path) -> Path:
    """Train, or go on with a training that was cut short; returns the checkpoint.

    One that is finished and whole is taken as it is.

    Raises:
        UserError: the data or the configuration does not serve.
    """
    settings = FitSettings.of(plain(config))
    target = root / config.paths.model
    require_ours(target, MARKER)
    data = PreparedData.open(root / config.paths.prepared)
    data.check_made_from(config.data)
    verification = data.verify()
    is_starter = launch.wants_group(config)
    training_rules.check(config)  # one that came by --config was composed elsewhere
    # So late only for data whose shape nobody knew before it was read.
    shape_rules.check(plain(config), tuple(data.manifest.shape), _classes(settings, data))
    warm = named_warm_start(settings, target, root)
    starts = starts_of(settings, data)
    drawn = drawn_pairs_of(settings, data, starts, root)
    check(settings, data, warm, drawn)
    if starts is not None:
        starts.data.verify().finish()
    kept = main_root(root) / ".snowmelt"
    start = None if starts is None else starts.data.manifest
    digest = None if warm is None else warm.digest
    settings = _settled(settings, data, kept / "speed", digest)
    config = _with_trainer(config, settings)
    pairs = None if drawn is None else drawn.digest
    identity = training_identity(settings, data.manifest, start, digest, pairs)
    state = saved_state.folder_of(root, identity)
    resume = Resume(state, settings.training.checkpoint_every, identity)
    finished = Finished(kept / "finished", identity)
    if (found := finished.find(target)) is not None:
        if distributed.rank() == 0:
            finished.take(found, target, MARKER)
            saved_state.forget(root, identity)  # a kill may have come before
            print(
                f"train: finished before, and not trained again: {found} is this training"
                " (remove that folder to train it anew)"
            )
        return target / MARKER
    if not distributed.is_launched():
        if said := replaced_training.warning(target, settings, data.manifest):
            print(f"snowmelt train: {said}", file=sys.stderr, flush=True)
        _say_before(settings, data, main_root(root), is_new=not resume.path.exists())
    if is_starter:
        launch.run_group("train", config, root)
        return target / MARKER
    with saved_state.only_training_from(state):
        if distributed.rank() == 0:
            _say_from_where(resume, warm)
        lineage = [] if warm is None else warm.lineage
        with tracking.open_training(
            plain(config), root, state=state, identity=identity, lineage=lineage
        ) as tracked:
            tracked.set_tags({"trainer": named(settings.trainer)})
            watching = watch(tracked, config, data, root, identity)
            observers = [IntactData(verification), *watching]
            trained, history = fit(settings, data, resume, identity, observers, warm, drawn)
            if distributed.rank() == 0:
                verification.finish()
                with new_directory(target, MARKER) as draft:
                    checkpoint.save(draft / MARKER, trained)
                    write_history(draft / "losses.csv", history)
                    model_record.write(draft, trained)
                tracked.log_checkpoint(target / MARKER, trained.step)
                tracked.log_file(target / "losses.csv", "training")
        # In this order: until the run is closed, a kill leads back to the saved state.
        if distributed.rank() == 0:
            finished.remember(target)
    if "DVC_STAGE" not in os.environ:  # DVC may yet delete the model; stage sample forgets
        saved_state.forget(root, identity)
    return target / MARKER


def named_warm_start(settings: FitSettings, target: Path, root: Path) -> WarmStart | None:
    """The checkpoint that the training starts from, which it will not replace.

    Raises:
        UserError: it is missing, cannot be read, or lies where the training will write.
    """
    named = settings.training.start_from
    if named is not None and not (source := located(root, named)).exists():
        raise UserError(
            f"training.start_from: {source} is missing: name a model.ckpt that `snowmelt"
            " train` wrote, or leave the key out to begin with random weights"
        )
    warm = warm_start_of(settings, root)
    if warm is not None and is_inside(warm.path, target):
        raise UserError(
            f"training.start_from: {warm.path} lies where this training writes its own"
            " checkpoint: give another folder to write to by out=DIR, or name a copy"
        )
    return warm


def _say_from_where(resume: Resume, warm: WarmStart | None) -> None:
    if resume.newest() is not None:
        print(f"train: going on from the saved state in {resume.folder}")
    elif warm is not None:
        print(f"train: {warm.described()}")


def _say_before(
    settings: FitSettings, data: PreparedData, folder: Path, *, is_new: bool
) -> None:
    """Say which GPUs stay idle, and what a long training that begins will take.

    Args:
        folder: below which its states are saved.
    """
    said = unused_gpus.hint(settings.trainer, settings.training.batch_size)
    if said is not None:
        print(f"snowmelt train: {said}", file=sys.stderr, flush=True)
    if not is_new:
        return
    with Harmless()("the estimate of time, memory and disk"):
        estimate = run_estimate.of_long(settings, data)
        if estimate is None:
            return
        for line in estimate.lines():
            print(f"train: {line}", flush=True)
        for line in run_estimate.shortages(estimate, folder):
            print(f"snowmelt train: {line}", file=sys.stderr, flush=True)


def _settled(
    settings: FitSettings, data: PreparedData, findings: Path, warm: str | None
) -> FitSettings:
    """The settings with the trainer that will train: nothing open, and compiled if it can.

    Args:
        findings: the folder of what probes of the speed have found.
        warm: the digest of the checkpoint that it starts from.
    """
    is_main = distributed.is_main_process()

    def say(line: str) -> None:
        if is_main:
            print(line)

    def warn(line: str) -> None:
        if is_main:
            print(line, file=sys.stderr)

    settings = compiled_where_possible(settings, data.manifest, warn)
    if settings.trainer.is_open:
        asked = training_identity(settings, data.manifest, warm=warm)
        settings = decided(settings, data, findings, asked, say)
        # What was found may be of another machine.
        settings = compiled_where_possible(settings, data.manifest, warn)
    return settings


def _with_trainer(config: DictConfig, settings: FitSettings) -> DictConfig:
    """The configuration with the trainer as it was settled.

    What is tracked says what was done, and the processes of a group all compute alike.
    """
    settled = {key: getattr(settings.trainer, key) for key in OPEN}
    merged = OmegaConf.merge(config, {"trainer": settled})
    assert isinstance(merged, DictConfig)
    return merged


def _classes(settings: FitSettings, data: PreparedData) -> tuple[str, ...] | None:
    """The classes that the network will know."""
    return data.manifest.classes if settings.denoiser.conditional else None
