"""Memorisation: the distance of samples to their nearest training examples."""

from __future__ import annotations

import numpy as np

from snowmelt.evaluation.features.nearest_neighbours import nearest_distance
from snowmelt.evaluation.metrics.sample_metrics import Examples


def memorisation_rate(examples: Examples) -> float:
    """The share of examples nearer to a training example than half of the real ones are."""
    typical = examples.context.reference.description["typical_distance"]
    return near_share(examples.features, examples.context.train, typical)


def near_share(samples: np.ndarray, train: np.ndarray, typical: float) -> float:
    """The share of samples that are nearer to a training example than `typical`.

    Fresh real data gives one half. Copies of training examples give one; so, in part, does
    a model that draws only what is most common.
    """
    return float(np.mean(nearest_distance(samples, train) < typical))
