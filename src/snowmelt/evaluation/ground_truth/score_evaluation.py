"""Everything that is measured of a checkpoint against a known density, and how.

The score error is told as a curve over the log-SNR and as one number: its mean over times
that are uniform on (0, 1), which is what a training with the simple loss on the noise
averages over. That number therefore depends on the schedule; the curve does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.scaling import to_model
from snowmelt.densities.exact import Perturbable
from snowmelt.evaluation.ground_truth import score_error_table
from snowmelt.evaluation.ground_truth.entropy import entropy
from snowmelt.evaluation.ground_truth.score_error import (
    Asked,
    levels,
    mean_over_times,
    uniform_times,
)
from snowmelt.evaluation.ground_truth.training_points import TrainingPoints
from snowmelt.evaluation.protocol import protocol_digest
from snowmelt.evaluation.reference_features import data_digest
from snowmelt.evaluation.settings import TruthSettings as Settings
from snowmelt.training.checkpoint import Checkpoint

__all__ = ["Found", "Settings", "measure"]


@dataclass(frozen=True)
class Found:
    """What was measured; nothing where the density is unknown.

    Attributes:
        metrics: flat numbers.
        protocol: how.
        rows: the score error by noise level, as `ground_truth.score_error_table` writes it.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    rows: list[score_error_table.Row] = field(default_factory=list)


def measure(
    settings: Settings,
    checkpoint: Checkpoint,
    weights: str,
    data: PreparedData,
    density: Perturbable | None,
    device: torch.device,
) -> Found:
    """The score error of a checkpoint and the entropy of its data.

    Nothing is measured where the density is unknown, where the data is not that of the
    training (none of it is known to be held out then), or of a network that was always told
    classes (the density over all classes is not what it knows).

    Args:
        weights: which of the checkpoint's, "ema" or "raw".
        density: the true one, of the data as the model sees it; None: unknown.
        device: where the network computes.

    Raises:
        UserError: the network answers without bounds.
    """
    is_other = data_digest(data.manifest) != data_digest(checkpoint.manifest)
    if density is None or is_other or _is_always_told(checkpoint):
        return Found()
    asked = _asked(settings, checkpoint, weights, data, density, device)
    times, log_snrs = levels(asked.denoiser.process, settings.levels, device)
    count = min(settings.level_points, len(asked.x_0))
    lines = score_error_table.rows(asked, times, log_snrs, count)
    metrics = _numbers(asked)
    if not all(np.isfinite(list(metrics.values()))):
        raise UserError(
            "the score error is not finite, so the network answers without bounds"
            " somewhere: lower training.learning_rate or train it again"
        )
    scale = data.manifest.std or 1.0
    value, error = entropy(density, scale, draws=settings.draws, seed=settings.seed)
    metrics |= {"entropy_nats": value, "entropy_nats_se": error}
    protocol = _protocol(settings, checkpoint, weights, asked, lines)
    return Found(metrics, protocol, lines)


def _is_always_told(checkpoint: Checkpoint) -> bool:
    asked = checkpoint.config.get("denoiser", {})
    return bool(asked.get("conditional", False)) and not asked.get("p_uncond", 0.0)


def _asked(
    settings: Settings,
    checkpoint: Checkpoint,
    weights: str,
    data: PreparedData,
    density: Perturbable,
    device: torch.device,
) -> Asked:
    train, held_out = (
        to_model(torch.from_numpy(np.array(part)), data.manifest)
        for part in (data.train, data.held_out[: settings.points])
    )
    return Asked(
        denoiser=checkpoint.denoiser("raw" if weights == "raw" else "ema").to(device),
        density=density,
        training_points=TrainingPoints(train),
        x_0=held_out,
        seed=settings.seed,
        device=device,
    )


def _numbers(asked: Asked) -> dict[str, float]:
    """The means over uniform times."""
    count = len(asked.x_0)
    errors = asked.errors(uniform_times(count), count, step=0)
    found = {}
    for name, values in (
        ("", errors.learned),
        ("_training_points", errors.training_points),
    ):
        key = f"score_error{name}"
        found[key], found[f"{key}_spread"] = mean_over_times(values)
    return found


def _protocol(
    settings: Settings,
    checkpoint: Checkpoint,
    weights: str,
    asked: Asked,
    lines: list[score_error_table.Row],
) -> dict[str, Any]:
    manifest = checkpoint.manifest
    found: dict[str, Any] = {
        "data": manifest.name,
        "data_digest": data_digest(manifest),
        "density": type(asked.density).__name__,
        "split": "held-out",
        "n": len(asked.x_0),
        "training_points": "the answer of least training loss on the training split",
        "training_points_count": len(asked.training_points),
        "mean": "over uniform times",
        "levels": len(lines),
        "level_n": min(settings.level_points, len(asked.x_0)),
        "first_log_snr": lines[0]["log_snr"],
        "last_log_snr": lines[-1]["log_snr"],
        "entropy_draws": settings.draws,
        "seed": settings.seed,
        "schedule": checkpoint.config["schedule"],
        "process": checkpoint.config["process"],
        "labels": "none",
        "weights": weights,
        "checkpoint": checkpoint.identity,
        "checkpoint_step": checkpoint.step,
    }
    return found | {"digest": protocol_digest(found)}
