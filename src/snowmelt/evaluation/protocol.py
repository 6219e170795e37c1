"""How a number was measured, and which numbers may be ranked together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snowmelt.common.records import content_digest
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.training.checkpoint import Checkpoint

# What was measured, rather than how: the model, the noise that it started from, how many
# samples were drawn and what they cost. (How many were *used* is `n`, which counts.)
SUBJECT = (
    "checkpoint",
    "checkpoint_step",
    "checkpoint_digest",
    "training_seconds",
    "is_repeatable",
    "sample_seed",
    "num_samples",
    "samples_digest",
    "evaluations",
    "digest",
)


@dataclass(frozen=True)
class Evaluation:
    """What was measured of a model; empty where nothing was.

    Attributes:
        metrics: flat numbers.
        protocol: how they were measured.
        rows: the lines of the table that goes with them.
        by_example: what metrics that are means are means of, (N,) each.
    """

    metrics: dict[str, float | None] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    by_example: dict[str, np.ndarray] = field(default_factory=dict)


def of_checkpoint(checkpoint: Checkpoint, weights: str) -> dict[str, Any]:
    """The part of a protocol that names the model and the held-out data."""
    return {
        "data": checkpoint.manifest.name,
        "data_digest": checkpoint.manifest.digest,
        "split": "held-out",
        "weights": weights,
        "checkpoint": checkpoint.identity,
        "checkpoint_step": checkpoint.step,
        **checkpoint.clock_facts,
    }


def protocol_digest(protocol: Mapping[str, Any]) -> str:
    """Names the way of measuring: numbers with different digests are not ranked together.

    Everything counts (data, split, n, subsets, extractor and independent classifier by
    digest, resizing, quantiser, sampler, its steps, which weights, the seed of the
    evaluation) but the keys in SUBJECT: which checkpoint, after how many training
    steps or seconds, the seed of the sampling, the number, the cost and the digest of the
    samples.
    """
    kept = {key: value for key, value in protocol.items() if key not in SUBJECT}
    return content_digest(kept)


def quantiser(manifest: Manifest) -> str:
    """How the model's numbers became the stored ones."""
    if manifest.levels is None:
        return "none (float32)"
    return f"rounded to the nearest of {manifest.levels} levels"
