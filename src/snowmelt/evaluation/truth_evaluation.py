"""Everything that is measured of a checkpoint against a known density, and how.

The score error is given as a curve over the log-SNR and as one number: its mean over times
that are uniform on (0, 1), which is what a training with the simple loss on the noise
averages over. That number therefore depends on the schedule; the curve does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.scaling import to_model
from snowmelt.densities.exact import Perturbable
from snowmelt.evaluation.catalogue import Subject, measured_of
from snowmelt.evaluation.catalogue.metric import measured
from snowmelt.evaluation.ground_truth import score_error_table
from snowmelt.evaluation.ground_truth.score_error import ScoreComparison, levels
from snowmelt.evaluation.ground_truth.training_points import TrainingPoints
from snowmelt.evaluation.ground_truth.truth_metrics import KnownTruth
from snowmelt.evaluation.protocol import Evaluation, of_checkpoint, protocol_digest
from snowmelt.evaluation.settings import TruthSettings
from snowmelt.training.checkpoint import Checkpoint, Weights


def measure(
    settings: TruthSettings,
    checkpoint: Checkpoint,
    weights: Weights,
    data: PreparedData,
    density: Perturbable | None,
    device: torch.device,
) -> Evaluation:
    """The score error of a checkpoint and the entropy of its data.

    Nothing is measured where the density is unknown, where the data is not that of the
    training (none of it is known to be held out then), or of a network that always gets a
    class (the density over all classes is not what it knows).

    Args:
        density: the true one, of the data as the model sees it; None: unknown.

    Raises:
        UserError: the network answers without bounds.
    """
    is_other = data.manifest.digest != checkpoint.manifest.digest
    if density is None or is_other or _is_always_conditional(checkpoint):
        return Evaluation()
    comparison = _comparison(settings, checkpoint, weights, data, density, device)
    times, log_snrs = levels(comparison.denoiser.process, settings.levels, device)
    count = min(settings.level_points, len(comparison.x_0))
    lines = score_error_table.rows(comparison, times, log_snrs, count)
    truth = KnownTruth(comparison, data.manifest.std or 1.0, settings)
    metrics = measured(measured_of(Subject.TRUTH), truth)
    if not all(np.isfinite([value for value in metrics.values() if value is not None])):
        raise UserError(
            "the score error is not finite, so the network answers without bounds"
            " somewhere: lower training.learning_rate or train it again"
        )
    return Evaluation(metrics, _protocol(truth, checkpoint, weights, lines), lines)


def _is_always_conditional(checkpoint: Checkpoint) -> bool:
    section = checkpoint.config.get("denoiser", {})
    return bool(section.get("conditional", False)) and not section.get("p_uncond", 0.0)


def _comparison(
    settings: TruthSettings,
    checkpoint: Checkpoint,
    weights: Weights,
    data: PreparedData,
    density: Perturbable,
    device: torch.device,
) -> ScoreComparison:
    train, held_out = (
        to_model(torch.from_numpy(np.array(part)), data.manifest)
        for part in (data.train, data.held_out[: settings.points])
    )
    return ScoreComparison(
        denoiser=checkpoint.denoiser(weights).to(device),
        density=density,
        training_points=TrainingPoints(train),
        x_0=held_out,
        seed=settings.seed,
        device=device,
    )


def _protocol(
    truth: KnownTruth,
    checkpoint: Checkpoint,
    weights: str,
    lines: list[score_error_table.Row],
) -> dict[str, Any]:
    settings, comparison = truth.settings, truth.comparison
    found = of_checkpoint(checkpoint, weights) | {
        "density": type(comparison.density).__name__,
        "n": len(comparison.x_0),
        "training_points": "the answer of least training loss on the training split",
        "training_points_count": len(comparison.training_points),
        "mean": "over uniform times",
        "levels": len(lines),
        "level_n": min(settings.level_points, len(comparison.x_0)),
        "first_log_snr": lines[0]["log_snr"],
        "last_log_snr": lines[-1]["log_snr"],
        "entropy_draws": settings.draws,
        "seed": settings.seed,
        "schedule": checkpoint.config["schedule"],
        "process": checkpoint.config["process"],
        "labels": "none",
    }
    return found | {"digest": protocol_digest(found)}
