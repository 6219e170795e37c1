"""How a number was measured, and which numbers may be ranked together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from snowmelt.data.prepared.manifest import Manifest

# What was measured, rather than how: the model, the noise that it started from, how many
# samples were drawn and what they cost. (How many were *used* is `n`, which counts.)
SUBJECT = (
    "checkpoint",
    "checkpoint_step",
    "sample_seed",
    "num_samples",
    "samples_digest",
    "evaluations",
    "digest",
)


def protocol_digest(protocol: Mapping[str, Any], varying: Iterable[str] = ()) -> str:
    """Names the way of measuring: numbers with different digests are not ranked together.

    Everything counts (data, split, n, subsets, extractor and judge by digest, resizing,
    quantiser, sampler, its steps, which weights, the seed of the evaluation) but the keys
    in SUBJECT: which checkpoint, after how many training steps, the seed of the sampling,
    the number, the cost and the digest of the samples.

    Args:
        protocol: of a metrics.json.
        varying: further keys to leave out, because they are what is compared: to rank
            samplers, `("sampler", "steps")`.
    """
    out = {*SUBJECT, *varying}
    kept = {key: value for key, value in protocol.items() if key not in out}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def quantiser(manifest: Manifest) -> str:
    """How the model's numbers became the stored ones."""
    if manifest.levels is None:
        return "none (float32)"
    return f"rounded to the nearest of {manifest.levels} levels"
