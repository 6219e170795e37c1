"""Going on after a kill: the training's own state, kept outside the stage's outputs.

DVC deletes a stage's outputs before it runs the stage, so the state to resume from lies
elsewhere, in a folder named by the identity of the training. A changed configuration,
data set or source file is another identity and starts anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from snowmelt.common import distributed
from snowmelt.common.code_identity import code_digest
from snowmelt.common.files import new_file
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.training.settings import FitSettings

DAMAGED_KEPT = 2
# What Lightning goes on from; a finished model, or other weights, lack some of it.
STATE_PARTS = {
    "global_step",
    "loops",
    "lr_schedulers",
    "optimizer_states",
    "pytorch-lightning_version",
    "state_dict",
}
# The parts of the package whose source decides the weights, as in dvc.yaml's stage train.
# Observers (progress, pictures, tracking) are handed in, and are not among them.
CODE = ("common", "data/prepared", "diffusion", "nets", "training")


def training_identity(settings: FitSettings, manifest: Manifest) -> str:
    """A digest of everything that the trained weights follow from.

    The settings, the data's bytes and scaling, and the bytes of the source
    files in `CODE`. On what the training runs, and in how many processes, is a matter of
    execution: it decides the order of sums, and so the last digits, but not what is
    computed. Dropout is the exception: its masks are drawn by each process, for each part
    of a batch.
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
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
    del config["training"]["checkpoint_every"]
    if settings.net.get("dropout"):
        count = settings.trainer.processes * settings.trainer.num_nodes
        config["trainer"]["processes"] = distributed.world_size(count)
        config["trainer"]["accumulate"] = settings.trainer.accumulate
    return config


class Resume(pl.Callback):
    """Saves the whole state every so often, and keeps the state before the last, too.

    A kill at any moment, a full disk or a cut in power leaves a whole file. One that was
    damaged all the same is set aside, and the training goes on from the other.

    Args:
        folder: where the states lie.
        every: optimiser steps between two saves.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.folder = folder
        self.every = every

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

        A damaged one is set aside by the first process, which says so.
        """
        for path in filter(Path.is_file, (self.path, self.before)):
            if is_whole(path):
                return path
            if distributed.rank() == 0:
                self._set_aside(path)
        return None

    def described(self) -> str:
        """The newest whole state, in words."""
        path = self.newest()
        if path is None:
            return "no state was saved before"
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        step = content["global_step"]
        return f"the last good state, after step {step}, is kept in {path}"

    def _set_aside(self, path: Path) -> None:
        aside = path.with_suffix(time.strftime(".damaged-%Y%m%d-%H%M%S"))
        path.replace(aside)
        known = sorted(self.folder.glob("*.damaged-*"), key=lambda p: p.stat().st_mtime)
        for old in known[:-DAMAGED_KEPT]:
            old.unlink(missing_ok=True)
        remedy = (
            "the training goes on from the state before it"
            if path == self.path and self.before.is_file()
            else "no other is left, and the training begins with its first step"
        )
        print(
            f"snowmelt train: {path} is damaged; it is kept as {aside.name}, and {remedy}",
            file=sys.stderr,
            flush=True,
        )

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
        with new_file(self.path, is_durable=True) as draft:
            trainer.save_checkpoint(draft)
            if self.path.exists():
                self.path.replace(self.before)

    def forget(self) -> None:
        """Remove the states: the training is done and its results are in place."""
        shutil.rmtree(self.folder, ignore_errors=True)


def is_whole(path: Path) -> bool:
    """Whether a file is the state of a training, and every byte is as it was written, by
    the sums inside it."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return False
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        return isinstance(content, dict) and content.keys() >= STATE_PARTS
    except Exception:  # damaged bytes make a reader fail in every way
        return False
