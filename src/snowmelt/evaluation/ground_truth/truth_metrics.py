"""The metrics of a model against the known density of its data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.ground_truth.entropy import entropy
from snowmelt.evaluation.ground_truth.score_error import (
    Errors,
    ScoreComparison,
    mean_over_times,
    uniform_times,
)
from snowmelt.evaluation.settings import TruthSettings


@dataclass(frozen=True)
class KnownTruth:
    """A model and the density of its data, with the errors that several metrics share.

    Attributes:
        comparison: the model's score beside the true one.
        scale: what one unit of the model's coordinates is in the data's.
    """

    comparison: ScoreComparison
    scale: float
    settings: TruthSettings

    @cached_property
    def errors(self) -> Errors:
        """The squared errors at each point, at times that are uniform on (0, 1)."""
        count = len(self.comparison.x_0)
        return self.comparison.errors(uniform_times(count), count, step=0)


def score_error(truth: KnownTruth) -> Estimate:
    """The score error of the network, a mean over all times."""
    return mean_over_times(truth.errors.learned)


def training_points_error(truth: KnownTruth) -> Estimate:
    """The same of the answer that the training points give without a network."""
    return mean_over_times(truth.errors.training_points)


def true_entropy(truth: KnownTruth) -> Estimate:
    """The entropy of the true density in nats, in the data's own coordinates."""
    settings = truth.settings
    return entropy(
        truth.comparison.density, truth.scale, draws=settings.draws, seed=settings.seed
    )
