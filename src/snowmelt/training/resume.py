"""Going on after a kill: the training's own state, kept outside the stage's outputs.

DVC deletes a stage's outputs before it runs the stage, so the state to resume from lies
elsewhere, in a folder named by the identity of the training. A changed configuration,
data set or source file is another identity and starts anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from snowmelt.common.code_identity import code_digest
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.training.settings import FitSettings

# The parts of the package whose source decides the weights, as in dvc.yaml's stage train.
# Observers (progress, pictures, tracking) are handed in, and are not among them.
CODE = ("common", "data/prepared", "diffusion", "nets", "training")


def training_identity(settings: FitSettings, manifest: Manifest) -> str:
    """A digest of everything that the trained weights follow from.

    The settings, the data's bytes and scaling, and the bytes of the source
    files in `CODE`.
    """
    described = {
        "config": settings.plain(),
        "data": {
            "digests": manifest.digests,
            "train_count": manifest.train_count,
            "value_range": manifest.value_range,
        },
        "code": code_digest(CODE),
    }
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Resume(pl.Callback):
    """Saves the whole state every so often; a kill at any moment leaves a whole file.

    Args:
        folder: where the state lies.
        every: optimiser steps between two saves.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.folder = folder
        self.every = every

    @property
    def path(self) -> Path:
        """The newest saved state."""
        return self.folder / "last.ckpt"

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step % self.every == 0:
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Save now; every process must call it."""
        draft = self.folder / "draft.ckpt"
        trainer.save_checkpoint(draft)
        if trainer.is_global_zero:
            draft.replace(self.path)

    def forget(self) -> None:
        """Remove the state: the training is done and its results are in place."""
        shutil.rmtree(self.folder, ignore_errors=True)
