"""Folders as the stage sample leaves them, of samples that nobody drew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from snowmelt.common.files import sha256
from snowmelt.common.records import file_digests, write_record
from snowmelt.data.prepared.manifest import Manifest


def describe(
    folder: Path, manifest: Manifest, count: int | None = None, **changes: Any
) -> dict[str, Any]:
    """Write the samples.json of the files in `folder`; return its content."""
    (folder / "samples.json").unlink(missing_ok=True)
    digest = sha256(folder / "samples.npy")
    if count is None:
        count = len(np.load(folder / "samples.npy", mmap_mode="r"))
    said = {
        "identity": "i",
        "checkpoint": {"identity": "c", "step": 6000, "weights": "ema", "sha256": "x"},
        "sampler": {"_target_": "snowmelt.samplers.DDIM", "steps": 50},
        "guidance": {"_target_": "snowmelt.guidance.Unguided"},
        "evaluations": 50,
        "num_samples": count,
        "seed": 3,
        "data": manifest.digest,
        "digest": digest,
        "digests": file_digests(folder),
    } | changes
    write_record(folder / "samples.json", said)
    return said


def put(folder: Path, samples: Any, manifest: Manifest, **changes: Any) -> Path:
    """Write samples of a model of the data that `manifest` describes."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "samples.npy", samples)
    count = len(samples) if np.ndim(samples) else 1
    describe(folder, manifest, count, **changes)
    return folder
