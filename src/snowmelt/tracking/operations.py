"""What a run sends to the store beside numbers, parameters and tags, as operations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snowmelt.common.files import sha256
from snowmelt.tracking import parameters
from snowmelt.tracking.address import redacted
from snowmelt.tracking.upload_queue import Operation

MAX_TAG = 5000


def dataset(manifest: Mapping[str, Any], digest: str) -> Operation:
    """The prepared data, as an input of the run."""
    counts = ("count", "train_count", "held_out_count")
    told = {
        "name": manifest["name"],
        "digest": digest[:36],  # all that MLflow keeps; a tag has the whole
        "source_type": "snowmelt",
        "source": json.dumps(manifest.get("config", {})),
        "profile": json.dumps({key: manifest.get(key) for key in counts}),
    }
    return {"do": "dataset", "dataset": told}


def model(run: str, path: Path, step: int, identity: str) -> Operation:
    """The checkpoint, as the logged model of the run of this name."""
    tags = {
        "identity": identity,
        "step": str(step),
        "sha256": sha256(path),
        "artifact": f"checkpoints/{path.name}",
    }
    return {"do": "model", "name": word(run), "step": step, "tags": tags}


def note(text: str, experiment: str | None) -> Operation:
    """The descriptions of the run and of its experiment."""
    return {
        "do": "note",
        "text": cut(text),
        "experiment": None if experiment is None else cut(experiment),
    }


def word(name: str) -> str:
    """A name that a model may have."""
    return "".join("_" if letter in "/:.%\"'" else letter for letter in name)


def cut(text: str) -> str:
    return parameters.shortened(redacted(text), MAX_TAG)
