"""Every number that is measured of points alone, each beside its sampling floor.

All are taken on the features, which for points are the coordinates divided by the one scale
of the training split. The distances compare sets of one size: several disjoint sets of
samples with as many disjoint sets of training points. The value is the mean over the pairs
of sets, the spread its standard error. The floor is the same for held-out examples, which
are as true as the training split: a perfect model would come out at the floor, not at zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from snowmelt.common import argument_checks
from snowmelt.evaluation.metrics import mode_balance, pairwise, wasserstein
from snowmelt.evaluation.metrics.subsets import Estimate, at_count
from snowmelt.evaluation.metrics.two_sample_test import neighbours, two_sample_accuracy

Distance = Callable[[np.ndarray, np.ndarray], float]
Metrics = dict[str, float | None]
_SHARED = 4  # the smallest set is cut into no fewer, so that the values have a spread


@dataclass(frozen=True)
class Settings:
    """The section `evaluation.points` of the configuration.

    Args:
        set_size: points of each set, at most; a quarter of the fewest there are if that is
            less. The exact Wasserstein distance takes time with its third power.
        sets: disjoint pairs of sets that a distance is averaged over, at most.
        directions: lines of the sliced Wasserstein distance.
        folds: of the cross-validation of the classifier.
    """

    set_size: int = 1000
    sets: int = 8
    directions: int = 200
    folds: int = 5

    def __post_init__(self) -> None:
        least_of = {"set_size": 2, "sets": 1, "directions": 1, "folds": 2}
        for key, least in least_of.items():
            key_there = f"evaluation.points.{key}"
            argument_checks.integer(key_there, getattr(self, key), least=least)


@dataclass(frozen=True)
class Sets:
    """What is compared: features of samples, of both splits, and how.

    Attributes:
        samples, train, held_out: (N, F), at least two rows each.
        labels: the class of each row of `train`, (N,), or None.
        count: n, at which the statistics that grow or shrink with the count are taken.
        subsets: of n, that those are averaged over.
        seed: of every choice of rows and of the directions.
    """

    samples: np.ndarray
    train: np.ndarray
    held_out: np.ndarray
    labels: np.ndarray | None
    count: int
    subsets: int
    seed: int


def set_size(samples: int, train: int, held_out: int, settings: Settings) -> int:
    """The points of each set of a distance, from the counts that there are."""
    fewest = min(samples, train, held_out)
    return max(2, min(settings.set_size, fewest // _SHARED))


def kernel_widths(train: np.ndarray) -> tuple[float, ...]:
    """Multiples of the median distance of training points."""
    # Without any distance all points are one, and every width serves.
    median = pairwise.median_distance(train) or 1.0
    return tuple(width * median for width in pairwise.WIDTHS)


def measure(sets: Sets, settings: Settings) -> Metrics:
    """All metrics of points, by the names that metrics.json gives them."""
    distances = _distances(sets, settings)
    size = set_size(len(sets.samples), len(sets.train), len(sets.held_out), settings)
    metrics: Metrics = {}
    for name, distance in distances.items():
        for end, rows in (("", sets.samples), ("_floor", sets.held_out)):
            found = over_sets(
                rows,
                sets.train,
                distance,
                size=size,
                sets=settings.sets,
                seed=sets.seed,
            )
            metrics |= _entries(f"{name}{end}", found)
    for end, rows in (("", sets.samples), ("_floor", sets.held_out)):
        metrics |= _entries(f"two_sample_accuracy{end}", _told_apart(rows, sets, settings))
    return metrics | _modes(sets)


def _distances(sets: Sets, settings: Settings) -> dict[str, Distance]:
    widths = kernel_widths(sets.train)
    return {
        "wasserstein_2": wasserstein.wasserstein_2,
        "sliced_wasserstein_2": lambda one, two: wasserstein.sliced_wasserstein_2(
            one, two, directions=settings.directions, seed=sets.seed
        ),
        "energy_distance": pairwise.energy_distance,
        "squared_mmd": lambda one, two: pairwise.squared_mmd(one, two, widths),
    }


def over_sets(
    rows: np.ndarray,
    train: np.ndarray,
    distance: Distance,
    *,
    size: int,
    sets: int,
    seed: int,
) -> Estimate:
    """The mean distance of disjoint sets of rows from as many of training points.

    The spread is the standard error of the mean; None where there is only one pair.
    """
    pairs = min(sets, len(rows) // size, len(train) // size)
    random = np.random.default_rng(seed)
    parts = [
        random.permutation(len(pool))[: pairs * size].reshape(pairs, size)
        for pool in (rows, train)
    ]
    found = [distance(rows[one], train[two]) for one, two in zip(*parts, strict=True)]
    spread = float(np.std(found, ddof=1) / np.sqrt(pairs)) if pairs > 1 else None
    return Estimate(float(np.mean(found)), spread)


def _told_apart(rows: np.ndarray, sets: Sets, settings: Settings) -> Estimate:
    """The classifier on `count` rows and as many training points, both chosen at random."""
    count = min(sets.count, len(sets.train))
    random = np.random.default_rng(sets.seed)
    one, two = (
        pool[random.choice(len(pool), count, replace=False)] for pool in (rows, sets.train)
    )
    return two_sample_accuracy(one, two, folds=settings.folds, seed=sets.seed)


def _modes(sets: Sets) -> Metrics:
    """Whether the classes come as often as they should; nothing without two classes."""
    if sets.labels is None or len(np.unique(sets.labels)) < 2:
        return {}
    real = np.bincount(sets.labels)
    metrics: Metrics = {}
    found = {
        end: mode_balance.nearest_class(rows, sets.train, sets.labels)
        for end, rows in (("", sets.samples), ("_floor", sets.held_out))
    }
    asked = {
        "mode_coverage": mode_balance.coverage,
        "mode_deviation": mode_balance.largest_deviation,
        "mode_chi_square": mode_balance.chi_square,
    }
    for name, statistic in asked.items():
        for end, classes in found.items():
            estimate = at_count(
                classes,
                sets.count,
                lambda chosen, of=statistic: of(chosen, real),  # type: ignore[misc]
                subsets=sets.subsets,
                seed=sets.seed,
            )
            metrics[f"{name}{end}"] = estimate.value
            if name == "mode_deviation":
                metrics[f"{name}{end}_spread"] = estimate.spread
    return metrics


def protocol(
    samples: int, train: np.ndarray, held_out: int, settings: Settings
) -> dict[str, Any]:
    """How `measure` measures, ready for JSON.

    Args:
        samples, held_out: how many there are.
        train: their features, (N, F).
    """
    count = min(samples, held_out, len(train))
    parts = min(settings.folds, count)
    shares = ", ".join(map(str, pairwise.WIDTHS))
    return {
        "unit": "the scale of the training split",
        "set_size": set_size(samples, len(train), held_out, settings),
        "sets": settings.sets,
        "directions": settings.directions,
        "mmd_kernel": "mean of exp(-d^2 / 2 h^2) over the widths h",
        "mmd_widths": list(kernel_widths(train)),
        "mmd_widths_rule": f"{shares} of the median distance of two training points",
        "classifier": "vote of the nearest neighbours",
        "classifier_count": count,
        "classifier_folds": parts,
        "classifier_neighbours": neighbours(count, parts),
        "modes": "the class of the nearest training point",
    }


def _entries(name: str, estimate: Estimate) -> Metrics:
    return {name: estimate.value, f"{name}_spread": estimate.spread}
