"""The score error by noise level as lines of a table: score_error.csv."""

from __future__ import annotations

from torch import Tensor

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.ground_truth.score_error import ScoreComparison

COLUMNS = (
    "log_snr",
    "time",
    "score_error",
    "score_error_se",
    "relative_error",
    "training_points",
    "training_points_se",
    "relative_training_points",
    "irreducible_loss",
    "irreducible_loss_se",
)
Row = dict[str, float | None]


def rows(
    comparison: ScoreComparison, times: Tensor, log_snrs: Tensor, count: int
) -> list[Row]:
    """A line for each noise level, from noise to data.

    The errors are mean squares of noise, by dimension; `training_points` is that of these
    points without a network. Relative is what is divided by the mean square of the true
    answer: the mean squared error of a score over the mean square of the true one.

    Args:
        count: points at each level.

    Shapes:
        times, log_snrs: (K,)
    """
    found: list[Row] = []
    for number, (time, log_snr) in enumerate(zip(times, log_snrs, strict=True)):
        # Step 0 is for the mean over times.
        errors = comparison.errors(time, count, step=number + 1)
        learned, points, least = map(
            Estimate.of_mean, (errors.learned, errors.training_points, errors.least)
        )
        size = float(errors.size.mean())
        line = (float(log_snr), float(time), *_line(learned, size), *_line(points, size))
        line = (*line, least.value, least.spread)
        found.append(dict(zip(COLUMNS, line, strict=True)))
    return found


def _line(error: Estimate, size: float) -> tuple[float | None, ...]:
    """An error, its standard error, and the error in units of the true answer's size."""
    return error.value, error.spread, error.value / size
