"""Going on after a kill: the training's own state, kept outside the stage's outputs.

DVC deletes a stage's outputs before it runs the stage, so the state to resume from lies
elsewhere, in a folder named by the identity of the training. A changed configuration,
data set or source file is another identity and starts anew.
"""

from __future__ import annotations

import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from snowmelt.common import distributed
from snowmelt.common.code_identity import code_digest
from snowmelt.common.files import new_file
from snowmelt.common.rank_reports import Reporter
from snowmelt.common.records import content_digest
from snowmelt.common.regular_files import kind_of
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.training.settings import FitSettings

ASIDE_KEPT = 2
# What a training goes on from; a finished model, or other weights, lack some of it.
STATE_PARTS = {
    "global_step",
    "identity",
    "loops",
    "lr_schedulers",
    "optimizer_states",
    "pytorch-lightning_version",
    "state_dict",
}
# The parts of the package whose source decides the weights, as in dvc.yaml's stage train.
# Observers (progress, pictures, tracking) are handed in, and are not among them.
CODE = ("common", "data/prepared", "diffusion", "nets", "training")


def training_identity(
    settings: FitSettings,
    manifest: Manifest,
    start: Manifest | None = None,
    warm: str | None = None,
    pairs: str | None = None,
) -> str:
    """A digest of everything that the trained weights follow from.

    The settings, the data's bytes and scaling, and the bytes of the source
    files in `CODE`. On what the training runs, and in how many processes, is a matter of
    execution: it decides the order of sums, and so the last digits, but not what is
    computed. Dropout is the exception: its masks are drawn by each process, for each part
    of a batch.

    Args:
        manifest: of the data.
        start: of the data that journeys begin with; None for normal noise.
        warm: the digest of the checkpoint that the weights are taken over from; where
            that lies decides nothing.
        pairs: the digest of the pairs that another flow drew, if it learns from such.
    """
    described = {
        "config": _decisive(settings),
        "data": {
            "digests": manifest.digests,
            "train_count": manifest.train_count,
            "value_range": manifest.value_range,
        },
        "code": code_digest(CODE),
    }
    if start is not None:
        described["start"] = start.digest
    if warm is not None:
        described["warm_start"] = warm
    if pairs is not None:
        described["pairs"] = pairs
    return content_digest(described)


def _decisive(settings: FitSettings) -> dict[str, Any]:
    """The settings without those of execution alone."""
    config = settings.plain()
    trainer = settings.trainer.without_probe()
    config["trainer"] = {"precision": trainer.precision}
    # What a compiled network rounds is another thing than the order of its sums.
    config["trainer"] |= {
        key: getattr(trainer, key)
        for key in ("conv_precision", "compile")
        if getattr(trainer, key) != type(trainer).model_fields[key].default
    }
    del config["training"]["checkpoint_every"], config["training"]["start_from"]
    config["coupling"].pop("samples", None)
    if settings.net.get("dropout"):
        count = settings.trainer.processes * settings.trainer.num_nodes
        config["trainer"]["processes"] = distributed.world_size(count)
        config["trainer"]["accumulate"] = settings.trainer.accumulate
    return config


class Resume(pl.Callback):
    """Saves the whole state every so often, and keeps the state before the last, too.

    A kill at any moment, a full disk or a cut in power leaves a whole file. One that was
    damaged all the same, or is none of this training, is set aside, and the training goes
    on from the other.

    Args:
        folder: where the states lie.
        every: optimiser steps between two saves.
        identity: the training's, which a state must have. One that a person copied from
            another training would not fit, or would end in weights of neither.
    """

    def __init__(self, folder: Path, every: int, identity: str = "") -> None:
        self.folder = folder
        self.every = every
        self.identity = identity
        self._reporter = Reporter()

    @property
    def path(self) -> Path:
        """The newest saved state."""
        return self.folder / "last.ckpt"

    @property
    def before(self) -> Path:
        """The state that was saved before the newest."""
        return self.folder / "before.ckpt"

    def newest(self) -> Path | None:
        """The newest state that is whole; None to train from the first step.

        One that does not serve is set aside by the first process, which says so.
        """
        refused: dict[Path, str] = {}
        chosen = None
        for path in filter(Path.exists, (self.path, self.before)):
            fault = fault_of(path, self.identity)
            if fault is None:
                chosen = path
                break
            refused[path] = fault
        if refused and distributed.rank() == 0:
            self._set_aside(refused, is_last=chosen is None)
        return chosen

    def described(self) -> str:
        """The newest whole state, in words."""
        path = self.newest()
        if path is None:
            return "no state was saved before"
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        step = content["global_step"]
        return f"the last good state, after step {step}, is kept in {path}"

    def _set_aside(self, refused: Mapping[Path, str], *, is_last: bool) -> None:
        """Rename what does not serve, and say in one line what is done without it.

        Args:
            refused: what is wrong with each.
            is_last: whether nothing else is left.
        """
        told = []
        for path, fault in refused.items():
            aside = path.with_suffix(time.strftime(".aside-%Y%m%d-%H%M%S"))
            path.replace(aside)
            told.append(f"{path} {fault} and is kept as {aside.name}")
        known = filter(Path.is_file, self.folder.glob("*.aside-*"))
        for old in sorted(known, key=lambda p: p.stat().st_mtime)[:-ASIDE_KEPT]:
            old.unlink(missing_ok=True)
        remedy = (
            "no other is left, and the training begins with its first step"
            if is_last
            else "the training goes on from the state before it"
        )
        said = f"snowmelt train: {'; '.join(told)}; {remedy}"
        print(said, file=sys.stderr, flush=True)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["identity"] = self.identity

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step and trainer.is_global_zero:
            self._reporter.keep(f"the state after step {trainer.global_step}")

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step % self.every == 0:
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Save now; every process must call it.

        Raises:
            StorageError: there is no room for it; the last state stays.
        """
        if not trainer.is_global_zero:
            trainer.save_checkpoint(self.path)  # takes part, and writes nothing
            return
        self._reporter.progress("saving the state")
        with new_file(self.path, is_durable=True) as draft:
            trainer.save_checkpoint(draft)
            if self.path.exists():
                self.path.replace(self.before)
        self._reporter.keep(f"the state after step {trainer.global_step}")


def fault_of(path: Path, identity: str) -> str | None:
    """What is wrong with a state of the training `identity`, in words that follow its
    name; None if every byte is as it was written, by the sums inside it."""
    try:
        if (kind := kind_of(path)) is not None:
            return f"is {kind}, not a file,"
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return "is damaged"
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except Exception:  # damaged bytes make a reader fail in every way
        return "is damaged"
    if not isinstance(content, dict) or not content.keys() >= STATE_PARTS:
        return "is no state of a training"
    return None if content["identity"] == identity else "is of another training"
