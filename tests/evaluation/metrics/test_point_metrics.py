"""All that is measured of points: what a true sampler gets, and what wrong ones get."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.evaluation.metrics import pairwise, point_metrics
from snowmelt.evaluation.metrics.point_metrics import (
    Sets,
    Settings,
    measure,
    over_sets,
    protocol,
)
from snowmelt.evaluation.metrics.subsets import Estimate

QUICK = Settings(set_size=150, sets=4, directions=50, folds=4)
BIASED = ("wasserstein_2", "sliced_wasserstein_2")
DISTANCES = (*BIASED, "energy_distance", "squared_mmd")


def heaps(count: int, seed: int, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """A double Gaussian whose parts are 4 apart and 0.5 wide."""
    random = np.random.default_rng(seed)
    labels = (random.uniform(size=count) >= share).astype(np.int64)
    points = 0.5 * random.normal(size=(count, 2))
    points[:, 0] += 4.0 * labels
    return points, labels


@pytest.fixture(scope="module")
def truth() -> Sets:
    """A perfect model: fresh draws beside both splits."""
    train, labels = heaps(1500, 0)
    held_out, samples = heaps(600, 1)[0], heaps(600, 2)[0]
    return Sets(samples, train, held_out, labels, count=600, subsets=4, seed=0)


@pytest.fixture(scope="module")
def measured(truth: Sets) -> point_metrics.Metrics:
    return measure(truth, QUICK)


def error(metrics: point_metrics.Metrics, name: str) -> float:
    spreads = [metrics[f"{name}_spread"], metrics[f"{name}_floor_spread"]]
    return float(np.hypot(*spreads))  # type: ignore[arg-type]


def wrong(truth: Sets, samples: np.ndarray) -> point_metrics.Metrics:
    return measure(dataclasses.replace(truth, samples=samples), QUICK)


def test_every_number_has_its_floor(measured: point_metrics.Metrics) -> None:
    names = [key for key in measured if not key.endswith(("_floor", "_spread"))]
    assert names == [
        *DISTANCES,
        "two_sample_accuracy",
        "mode_coverage",
        "mode_deviation",
        "mode_chi_square",
    ]
    assert all(f"{name}_floor" in measured for name in names)
    assert all(value is not None and np.isfinite(value) for value in measured.values())


def test_a_true_sampler_is_at_the_floor(measured: point_metrics.Metrics) -> None:
    for name in (*DISTANCES, "two_sample_accuracy", "mode_deviation"):
        value, floor = measured[name], measured[f"{name}_floor"]
        assert value == pytest.approx(floor, abs=4 * error(measured, name)), name
    for end in ("", "_floor"):
        assert measured[f"mode_coverage{end}"] == 1.0
        assert measured[f"two_sample_accuracy{end}"] == pytest.approx(0.5, abs=0.06)
        assert measured[f"mode_chi_square{end}"] < 8  # type: ignore[operator]


@pytest.mark.parametrize("name", [*DISTANCES, "two_sample_accuracy"])
@pytest.mark.parametrize("kind", ["shifted", "widened", "between"])
def test_a_wrong_sampler_is_noticed(
    truth: Sets, measured: point_metrics.Metrics, kind: str, name: str
) -> None:
    middle = truth.samples.mean(axis=0)
    between = np.arange(len(truth.samples)) % 2 == 0
    samples = {
        "shifted": truth.samples + np.array([0.0, 0.8]),
        "widened": middle + 1.6 * (truth.samples - middle),
        "between": np.where(between[:, None], [2.0, 0.0], truth.samples),
    }[kind]
    metrics = wrong(truth, samples)
    value, floor = metrics[name], metrics[f"{name}_floor"]
    assert value > floor + 4 * error(metrics, name)  # type: ignore[operator]
    assert floor == measured[f"{name}_floor"]


def test_wrong_weights_are_noticed(truth: Sets) -> None:
    metrics = wrong(truth, heaps(600, 3, share=0.5)[0])
    assert metrics["mode_coverage"] == 1.0
    assert metrics["mode_deviation"] == pytest.approx(0.2, abs=0.06)
    assert metrics["mode_chi_square"] > 20  # type: ignore[operator]


def test_a_lost_mode_is_noticed(truth: Sets) -> None:
    metrics = wrong(truth, heaps(600, 3, share=0.0)[0])
    assert metrics["mode_coverage"] == 0.5
    assert metrics["mode_coverage_floor"] == 1.0
    assert metrics["mode_deviation"] == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("labels", [None, np.zeros(1500, np.int64)])
def test_no_modes_without_two_classes(truth: Sets, labels: np.ndarray | None) -> None:
    metrics = measure(dataclasses.replace(truth, labels=labels), QUICK)
    assert not any(key.startswith("mode") for key in metrics)


def test_the_same_seed_gives_the_same_numbers(
    truth: Sets, measured: point_metrics.Metrics
) -> None:
    assert measure(truth, QUICK) == measured
    other = measure(dataclasses.replace(truth, seed=1), QUICK)
    assert other["wasserstein_2"] != measured["wasserstein_2"]


def test_sets_are_disjoint_and_of_one_size() -> None:
    rows, train = np.arange(100)[:, None], np.arange(1000, 1500)[:, None]
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def distance(one: np.ndarray, two: np.ndarray) -> float:
        seen.append((one, two))
        return float(len(seen))

    found = over_sets(rows, train, distance, size=30, sets=8, seed=0)
    assert [(len(one), len(two)) for one, two in seen] == [(30, 30)] * 3
    for part in range(2):
        together = np.concatenate([pair[part] for pair in seen]).ravel()
        assert len(set(together.tolist())) == 90
    assert max(one.max() for one, _ in seen) < 1000 <= min(two.min() for _, two in seen)
    assert found == Estimate(2.0, pytest.approx(1 / np.sqrt(3)))


def test_one_pair_has_no_spread() -> None:
    rows = np.arange(10)[:, None]
    found = over_sets(rows, rows, lambda one, two: 3.0, size=10, sets=8, seed=0)
    assert found == Estimate(3.0, None)


@pytest.mark.parametrize(
    ("counts", "size"),
    [((8000, 20000, 10000), 1000), ((2000, 20000, 10000), 500), ((2, 9, 9), 2)],
)
def test_the_size_leaves_four_sets(counts: tuple[int, int, int], size: int) -> None:
    assert point_metrics.set_size(*counts, Settings()) == size


def test_two_of_each_are_enough() -> None:
    points = np.random.default_rng(0).normal(size=(8, 1))
    labels = np.array([0, 1])
    sets = Sets(points[:2], points[2:4], points[4:6], labels, count=2, subsets=2, seed=0)
    found = measure(sets, Settings())
    assert found["wasserstein_2_spread"] is None
    assert np.isfinite([value for value in found.values() if value is not None]).all()


def test_the_protocol_says_what_was_done(truth: Sets) -> None:
    said = protocol(600, truth.train, 600, QUICK)
    median = pairwise.median_distance(truth.train)
    assert said["set_size"] == 150
    assert said["mmd_widths"] == [0.25 * median, 0.5 * median, median]
    assert said["classifier_count"] == 600
    assert said["classifier_neighbours"] == 31  # the root of 2 x 450, made odd
    assert {"sets": 4, "directions": 50, "classifier_folds": 4}.items() <= said.items()


@pytest.mark.parametrize(
    ("key", "least"), [("set_size", 2), ("sets", 1), ("directions", 1), ("folds", 2)]
)
def test_bad_settings_name_their_key(key: str, least: int) -> None:
    Settings(**{key: least})
    with pytest.raises(UserError, match=rf"evaluation\.points\.{key}"):
        Settings(**{key: least - 1})
