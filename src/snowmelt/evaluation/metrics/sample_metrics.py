"""Samples beside the real data: every number of the evaluation.

A value and its floor are taken alike: `n` samples against the training split, `n` held-out
examples against the training split, n the smaller of the two counts. The floor is what real
examples get that neither the model nor the extractor was trained on. A stratified split has
the classes' exact shares, which independent draws have only nearly; so a perfect model
would still come out a little above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snowmelt.common import argument_checks
from snowmelt.evaluation.features.extractor import extract
from snowmelt.evaluation.metrics import memorisation, point_metrics
from snowmelt.evaluation.metrics.feature_distances import (
    Statistics,
    frechet_distance,
    kernel_distance,
)
from snowmelt.evaluation.metrics.subsets import Estimate, at_count
from snowmelt.evaluation.reference_features import Reference

CONFIDENT = 0.9
Metrics = dict[str, float | None]


@dataclass(frozen=True)
class Settings:
    """The section `evaluation` of the configuration.

    Args:
        subsets: random subsets that the Frechet distance is averaged over.
        kernel_subsets: pairs of random subsets that the kernel distance is averaged over.
        kernel_subset_size: the largest size of these; half of the smallest set if that is
            less. The estimate is unbiased, so the size changes no expectation.
        seed: of the choice of subsets.
        points: what is measured of points alone.
    """

    subsets: int
    kernel_subsets: int
    kernel_subset_size: int
    seed: int
    points: point_metrics.Settings = field(default_factory=point_metrics.Settings)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Settings:
        """From the section as plain dicts; `truth` is not about samples and left aside.

        Raises:
            UserError: a value is refused.
        """
        own = {key: value for key, value in section.items() if key != "truth"}
        return cls(**{**own, "points": point_metrics.Settings(**section["points"])})

    def __post_init__(self) -> None:
        least_of = {"subsets": 1, "kernel_subsets": 1, "kernel_subset_size": 2, "seed": 0}
        for key, least in least_of.items():
            argument_checks.integer(f"evaluation.{key}", getattr(self, key), least=least)


def count_used(reference: Reference, num_samples: int) -> int:
    """The count n at which value and floor are taken."""
    return min(num_samples, len(reference.held_out))


def kernel_size(reference: Reference, num_samples: int, settings: Settings) -> int:
    """The size of the subsets for the kernel distance.

    At most half of each set, so that two subsets differ and their scatter means something.
    """
    smallest = min(num_samples, len(reference.held_out), len(reference.train))
    return max(2, min(settings.kernel_subset_size, smallest // 2))


def measure(
    samples: np.ndarray,
    reference: Reference,
    settings: Settings,
    labels: np.ndarray | None = None,
) -> Metrics:
    """All metrics of `samples`, stored as the data is; at least two of them.

    Args:
        labels: of the training split, (N,), for the modes of points.
    """
    features = extract(reference.extractor, samples, "features of the samples")
    is_standard = reference.extractor.is_standard_inception
    n = count_used(reference, len(samples))
    metrics: Metrics = {}
    names = ("fid", "kid") if is_standard else ("frechet_distance", "kernel_distance")
    size = kernel_size(reference, len(samples), settings)
    for end, rows in (("", features), ("_floor", np.asarray(reference.held_out))):
        found = _frechet(rows, n, reference.statistics, settings, f"{names[0]}{end}")
        metrics |= _entries(f"{names[0]}{end}", found)
    for end, rows in (("", features), ("_floor", np.asarray(reference.held_out))):
        found = _kernel(rows, reference.train, size, settings)
        metrics |= _entries(f"{names[1]}{end}", found)
    metrics |= _judged(samples, reference, n, settings)
    if reference.extractor.kind == "points":
        sets = compared(features, reference, settings, labels)
        metrics |= point_metrics.measure(sets, settings.points)
    typical = reference.description["typical_distance"]
    metrics["near_share"] = memorisation.near_share(features, reference.train, typical)
    for name in ("extractor_accuracy", "judge_accuracy"):
        if name in reference.description["figures"]:
            metrics[name] = reference.description["figures"][name]
    return metrics


def compared(
    features: np.ndarray,
    reference: Reference,
    settings: Settings,
    labels: np.ndarray | None,
) -> point_metrics.Sets:
    """Features of samples beside those of the reference, for what points alone get."""
    return point_metrics.Sets(
        samples=features,
        train=np.asarray(reference.train),
        held_out=np.asarray(reference.held_out),
        labels=None if labels is None else np.asarray(labels),
        count=count_used(reference, len(features)),
        subsets=settings.subsets,
        seed=settings.seed,
    )


def _entries(name: str, estimate: Estimate) -> Metrics:
    return {name: estimate.value, f"{name}_spread": estimate.spread}


def _frechet(
    rows: np.ndarray, n: int, statistics: Statistics, settings: Settings, name: str
) -> Estimate:
    return at_count(
        rows,
        n,
        lambda chosen: frechet_distance(Statistics.of(chosen), statistics),
        subsets=settings.subsets,
        seed=settings.seed,
        desc=name,
    )


def _kernel(rows: np.ndarray, train: np.ndarray, size: int, settings: Settings) -> Estimate:
    """The mean over pairs of subsets, and the standard deviation over the pairs."""
    random = np.random.default_rng(settings.seed)
    found = []
    for _ in range(settings.kernel_subsets):
        one = rows[random.choice(len(rows), size, replace=False)]
        two = train[np.sort(random.choice(len(train), size, replace=False))]
        found.append(kernel_distance(one, two))
    spread = float(np.std(found, ddof=1)) if len(found) > 1 else None
    return Estimate(float(np.mean(found)), spread)


def _judged(
    samples: np.ndarray, reference: Reference, n: int, settings: Settings
) -> Metrics:
    """How sure the judge is, and whether the classes come as often as in the data."""
    judge, real = reference.judge, reference.held_out_probabilities
    if judge is None or real is None:
        return {}
    found = judge.probabilities(samples)
    share, real_share = confident_share(found), confident_share(real)
    metrics: Metrics = {
        "confident_share": share,
        "confident_share_spread": float(np.sqrt(share * (1 - share) / len(found))),
        "confident_share_real": real_share,
    }
    expected = np.asarray(reference.description["class_shares"])
    for end, rows in (("", found), ("_real", np.asarray(real))):
        deviation = at_count(
            rows.argmax(axis=1),
            n,
            lambda chosen: class_deviation(chosen, expected),
            subsets=settings.subsets,
            seed=settings.seed,
        )
        metrics |= _entries(f"class_deviation{end}", deviation)
    return metrics


def confident_share(probabilities: np.ndarray) -> float:
    """The share of rows (N, K) whose largest probability is over 90 %."""
    return float(np.mean(probabilities.max(axis=1) > CONFIDENT))


def class_deviation(classes: np.ndarray, expected: np.ndarray) -> float:
    """The total variation distance between the classes' shares and the expected ones.

    It is the share of the samples that would have to change class: 0 when each class comes
    as often as it should. Like any distance of counts it grows as the count shrinks.

    Shapes:
        classes: (N,) int, expected: (K,), sums to 1
    """
    shares = np.bincount(classes, minlength=len(expected)) / len(classes)
    return float(0.5 * np.abs(shares - expected).sum())
