"""All that is measured of points: what a true sampler gets, and what wrong ones get."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from snowmelt.evaluation.catalogue.metric import Numbers
from snowmelt.evaluation.features.feature_statistics import Statistics
from snowmelt.evaluation.metrics import pairwise, sample_metrics
from snowmelt.evaluation.metrics.sample_metrics import Context
from snowmelt.evaluation.sample_evaluation import measure, points_protocol
from snowmelt.evaluation.settings import EvaluationSettings, PointSettings

QUICK = PointSettings(set_size=150, sets=4, directions=50, folds=4)
BIASED = ("wasserstein_2", "sliced_wasserstein_2")
DISTANCES = (*BIASED, "energy_distance", "squared_mmd")


def heaps(count: int, seed: int, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """A double Gaussian whose parts are 4 apart and 0.5 wide."""
    random = np.random.default_rng(seed)
    labels = (random.uniform(size=count) >= share).astype(np.int64)
    points = 0.5 * random.normal(size=(count, 2))
    points[:, 0] += 4.0 * labels
    return points, labels


def context(
    samples: np.ndarray,
    train: np.ndarray,
    held_out: np.ndarray,
    labels: np.ndarray | None,
    settings: PointSettings = QUICK,
    seed: int = 0,
) -> Context:
    """Points that are their own features."""
    extractor = SimpleNamespace(kind="points", is_standard_inception=False)
    reference: Any = SimpleNamespace(
        extractor=extractor,
        train=train,
        held_out=held_out,
        statistics=Statistics.of(train),
        independent_classifier=None,
        held_out_probabilities=None,
        description={"typical_distance": 0.1, "figures": {}},
    )
    whole = EvaluationSettings(
        subsets=4, kernel_subsets=4, kernel_subset_size=100, seed=seed, points=settings
    )
    return Context(samples, reference, whole, labels)


@pytest.fixture(autouse=True, scope="module")
def _own_features() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_metrics, "extract", lambda extractor, stored, desc: stored)
        yield


@pytest.fixture(scope="module")
def truth() -> Context:
    """A perfect model: fresh draws beside both splits."""
    train, labels = heaps(1500, 0)
    held_out, samples = heaps(600, 1)[0], heaps(600, 2)[0]
    return context(samples, train, held_out, labels)


@pytest.fixture(scope="module")
def measured(truth: Context, _own_features: None) -> Numbers:
    return measure(truth)


def error(metrics: Numbers, name: str) -> float:
    spreads = [metrics[f"{name}_spread"], metrics[f"{name}_floor_spread"]]
    return float(np.hypot(*spreads))  # type: ignore[arg-type]


def wrong(truth: Context, samples: np.ndarray) -> Numbers:
    return measure(dataclasses.replace(truth, samples=samples))


def test_every_number_has_its_floor(measured: Numbers) -> None:
    ends = ("_floor", "_spread", "_freedom")
    names = [key for key in measured if not key.endswith(ends)]
    assert names == [
        *BIASED,
        "two_sample_accuracy",
        "mode_deviation",
        "mode_chi_square",
        "mode_coverage",
        "energy_distance",
        "squared_mmd",
        "frechet_distance",
        "frechet_distance_infinity",
        "kernel_distance",
        "near_share",
        "memorised_share",
        "memorised_share_real",
        "data_copying",
        "precision",
        "recall",
        "density",
        "coverage",
    ]
    without = ("near_share", "memorised_share", "memorised_share_real", "data_copying")
    assert all(f"{name}_floor" in measured for name in names if name not in without)
    assert all(value is not None and np.isfinite(value) for value in measured.values())


def test_few_sets_say_how_few(measured: Numbers) -> None:
    assert measured["wasserstein_2_freedom"] == 3
    assert measured["wasserstein_2_floor_freedom"] == 3
    assert "frechet_distance_freedom" not in measured


def test_a_true_sampler_is_at_the_floor(measured: Numbers) -> None:
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
    truth: Context, measured: Numbers, kind: str, name: str
) -> None:
    middle = truth.samples.mean(axis=0)
    between = np.arange(len(truth.samples)) % 2 == 0
    samples = {
        "shifted": truth.samples + np.array([0.0, 1.0]),
        "widened": middle + 1.6 * (truth.samples - middle),
        "between": np.where(between[:, None], [2.0, 0.0], truth.samples),
    }[kind]
    metrics = wrong(truth, samples)
    value, floor = metrics[name], metrics[f"{name}_floor"]
    assert value > floor + 4 * error(metrics, name)  # type: ignore[operator]
    assert floor == measured[f"{name}_floor"]


def test_wrong_weights_are_noticed(truth: Context) -> None:
    metrics = wrong(truth, heaps(600, 3, share=0.5)[0])
    assert metrics["mode_coverage"] == 1.0
    assert metrics["mode_deviation"] == pytest.approx(0.2, abs=0.06)
    assert metrics["mode_chi_square"] > 20  # type: ignore[operator]


def test_a_lost_mode_is_noticed(truth: Context) -> None:
    metrics = wrong(truth, heaps(600, 3, share=0.0)[0])
    assert metrics["mode_coverage"] == 0.5
    assert metrics["mode_coverage_floor"] == 1.0
    assert metrics["mode_deviation"] == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("labels", [None, np.zeros(1500, np.int64)])
def test_no_modes_without_two_classes(truth: Context, labels: np.ndarray | None) -> None:
    metrics = measure(dataclasses.replace(truth, labels=labels))
    assert not any(key.startswith("mode") for key in metrics)


def test_the_same_seed_gives_the_same_numbers(truth: Context, measured: Numbers) -> None:
    assert measure(dataclasses.replace(truth)) == measured
    settings = truth.settings.model_copy(update={"seed": 1})
    other = measure(dataclasses.replace(truth, settings=settings))
    assert other["wasserstein_2"] != measured["wasserstein_2"]


def test_two_of_each_are_enough() -> None:
    points = np.random.default_rng(0).normal(size=(8, 1))
    labels = np.array([0, 1])
    found = measure(context(points[:2], points[2:4], points[4:6], labels, PointSettings()))
    assert found["wasserstein_2_spread"] is None
    assert "wasserstein_2_freedom" not in found
    assert np.isfinite([value for value in found.values() if value is not None]).all()


def test_the_protocol_says_what_was_done(truth: Context) -> None:
    said = points_protocol(truth)
    median = pairwise.median_distance(truth.train)
    assert said["set_size"] == 150
    assert said["mmd_widths"] == [0.25 * median, 0.5 * median, median]
    assert said["classifier_count"] == 600
    assert said["classifier_neighbours"] == 31  # the root of 2 x 450, made odd
    assert {"sets": 4, "directions": 50, "classifier_folds": 4}.items() <= said.items()


@pytest.mark.parametrize(
    ("counts", "size"),
    [((8000, 20000, 10000), 1000), ((2000, 20000, 10000), 500), ((2, 9, 9), 2)],
)
def test_the_size_leaves_four_sets(counts: tuple[int, int, int], size: int) -> None:
    pools = [np.zeros((count, 1)) for count in counts]
    assert context(*pools, None, PointSettings()).set_size == size
