"""Metrics from the independent classifier's classes of the samples.

It took no part in the training of the model. How sure it is tells whether samples look like
members of a class; how often it names each class tells whether all come as they should.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.class_statistic import OfClasses
from snowmelt.evaluation.metrics.sample_metrics import Examples

CONFIDENT = 0.9


def confidence(examples: Examples) -> Estimate | None:
    """The share of examples that are recognised, with the error of a share of N draws."""
    if examples.probabilities is None:
        return None
    sure = is_confident(examples.probabilities)
    return Estimate.of_share(int(sure.sum()), len(sure))


def imbalance(examples: Examples) -> Estimate | None:
    """The deviation of the classes' shares from those of the training split."""
    if examples.probabilities is None:
        return None
    expected = np.asarray(examples.context.reference.description["class_shares"])
    return examples.at_count(
        examples.probabilities.argmax(axis=1),
        OfClasses(lambda counts: deviation(counts / counts.sum(), expected), len(expected)),
    )


def agreement(examples: Examples) -> Estimate | None:
    """The share of examples that are classified as the class that was asked for.

    Of images by the independent classifier, of points by the nearest training point. Real
    examples are classified as well as that: there the class is the true one.
    """
    context = examples.context
    named, real = examples.named_classes, context.real
    asked = context.drawn.labels
    if not examples.is_generated:
        asked = None if real is None else real.held_out_labels
    if named is None or asked is None:
        return None
    return Estimate.of_share(int(np.sum(named == np.asarray(asked))), len(named))


def accuracy(network: str) -> Callable[[Examples], float | None]:
    """The accuracy on held-out data that the stage reference found of a network."""

    def known(examples: Examples) -> float | None:
        figures = examples.context.reference.description["figures"]
        value: float | None = figures.get(f"{network}_accuracy")
        return value

    return known


def is_confident(probabilities: np.ndarray) -> np.ndarray:
    """Whether the largest probability is over 90 %. Shapes: (N, K) -> (N,) bool"""
    sure: np.ndarray = probabilities.max(axis=1) > CONFIDENT
    return sure


def class_deviation(classes: np.ndarray, expected: np.ndarray) -> float:
    """The total variation distance between the classes' shares and the expected ones.

    It is the share of the samples that would have to change class: 0 when each class comes
    as often as it should. Like any distance of counts it grows as the count shrinks.

    Shapes:
        classes: (N,) int, expected: (K,), sums to 1
    """
    return deviation(np.bincount(classes, minlength=len(expected)) / len(classes), expected)


def deviation(shares: np.ndarray, expected: np.ndarray) -> float:
    """The total variation distance of two sets of shares. Shapes: (K,), (K,)"""
    return float(0.5 * np.abs(shares - expected).sum())
