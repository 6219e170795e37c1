"""What lies beside a checkpoint, for those who read the folder and not the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snowmelt.common.records import file_digests, write_record
from snowmelt.training.checkpoint import Checkpoint

CHECKPOINT = "model.ckpt"
RECORD = "model.json"


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write `model.json`: the training, its data and the bytes of the other files."""
    content: dict[str, Any] = {
        "identity": checkpoint.identity,
        "step": checkpoint.step,
        "made_from": {"data": checkpoint.manifest.digest},
        "config": checkpoint.config,
        "digests": file_digests(folder),
        **checkpoint.clock_facts,
    }
    if checkpoint.lineage:
        content["started_from"] = checkpoint.lineage
    write_record(folder / RECORD, content)
