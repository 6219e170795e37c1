"""Every number of the evaluation, against what it must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import reference_features
from snowmelt.evaluation.features.extractor import extract
from snowmelt.evaluation.features.feature_statistics import Statistics, frechet_distance
from snowmelt.evaluation.features.random_conv import RandomConv
from snowmelt.evaluation.metrics.frechet_statistic import FrechetTo
from snowmelt.evaluation.metrics.sample_metrics import Context
from snowmelt.evaluation.reference_features import Reference
from snowmelt.evaluation.sample_evaluation import measure
from snowmelt.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings(subsets=8, kernel_subsets=5, kernel_subset_size=1000, seed=0)
PLAN = {"seed": 1, "steps": 20, "batch_size": 32, "learning_rate": 0.01}
RANDOM = {
    "_target_": "snowmelt.features.RandomConv",
    "seed": 0,
    "independent_classifier": {
        "_target_": "snowmelt.features.IndependentClassifier",
        **PLAN,
    },
}
COORDINATES = {
    "_target_": "snowmelt.features.Coordinates",
    "independent_classifier": None,
}


def referred(
    data: PreparedData, tmp_path: Path, features: dict[str, Any] = RANDOM
) -> Reference:
    reference_features.write(tmp_path / "r", data, features, tmp_path)
    return Reference.open(tmp_path / "r", data.manifest)


def measured(
    samples: np.ndarray, reference: Reference, settings: EvaluationSettings = SETTINGS
) -> dict[str, float | None]:
    return measure(Context(samples, reference, settings))


def with_classes(
    data: PreparedData, reference: Reference, samples: np.ndarray, **changes: Any
) -> Context:
    """What the stage evaluate compares: both splits have their labels."""
    settings = SETTINGS.model_copy(update=changes)
    return Context(samples, reference, settings, data.train_labels, data.held_out_labels)


def test_the_keys_and_their_order(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=200)
    found = measured(data.train, referred(data, tmp_path))
    assert list(found) == [
        "frechet_distance",
        "frechet_distance_spread",
        "frechet_distance_floor",
        "frechet_distance_floor_spread",
        "kernel_distance",
        "kernel_distance_spread",
        "kernel_distance_floor",
        "kernel_distance_floor_spread",
        "confident_share",
        "confident_share_spread",
        "confident_share_real",
        "confident_share_real_spread",
        "near_share",
        "near_share_spread",
        "memorised_share",
        "memorised_share_spread",
        "memorised_share_real",
        "data_copying",
        "data_copying_spread",
        "class_deviation",
        "class_deviation_spread",
        "class_deviation_real",
        "class_deviation_real_spread",
        "precision",
        "precision_spread",
        "precision_floor",
        "precision_floor_spread",
        "recall",
        "recall_spread",
        "recall_floor",
        "recall_floor_spread",
        "density",
        "density_spread",
        "density_floor",
        "density_floor_spread",
        "coverage",
        "coverage_spread",
        "coverage_floor",
        "coverage_floor_spread",
        "classifier_score",
        "classifier_score_spread",
        "classifier_score_floor",
        "classifier_score_floor_spread",
        "judge_accuracy",
    ]


def test_standard_inception_alone_gives_fid(
    make_images: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_images(count=100)
    found = referred(data, tmp_path)
    monkeypatch.setattr(RandomConv, "class_logits", lambda self, features: features)
    other = measured(data.held_out, found)
    assert not {"fid", "kid", "inception_score"} & set(other)
    monkeypatch.setattr(RandomConv, "is_standard_inception", True)
    standard = measured(data.held_out, found)
    assert standard["fid"] == other["frechet_distance"]
    assert standard["kid_floor"] == other["kernel_distance_floor"]
    assert standard["inception_score"] == other["class_score"] > 1.0
    assert "class_score" not in standard
    assert not any(key.startswith(("frechet", "kernel")) for key in standard)


def test_held_out_examples_are_at_the_floor(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=200)
    found = referred(data, tmp_path)
    metrics = measured(data.held_out, found)
    for name in ("frechet_distance", "kernel_distance", "class_deviation"):
        end = "real" if name == "class_deviation" else "floor"
        assert metrics[name] == pytest.approx(metrics[f"{name}_{end}"])
        assert metrics[f"{name}_spread"] == pytest.approx(metrics[f"{name}_{end}_spread"])
    direct = frechet_distance(Statistics.of(found.held_out), Statistics.of(found.train))
    assert metrics["frechet_distance"] == pytest.approx(direct)
    assert metrics["confident_share"] == metrics["confident_share_real"]
    assert metrics["near_share"] == pytest.approx(0.5, abs=0.02)


def test_copies_and_noise(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=200)
    found = referred(data, tmp_path)
    random = np.random.default_rng(0)
    noise = random.integers(0, 17, (100, 1, 8, 8), dtype=np.uint8)
    copies, noisy = (measured(s, found) for s in (data.train[:80], noise))
    assert copies["near_share"] == 1.0
    assert noisy["near_share"] == 0.0
    for name in ("frechet_distance", "kernel_distance"):
        assert noisy[name] > 10 * abs(noisy[f"{name}_floor"])  # type: ignore[operator]
        assert noisy[name] > 10 * abs(copies[name])  # type: ignore[operator]


@pytest.mark.parametrize(("num_samples", "n"), [(20, 20), (60, 60), (140, 60)])
def test_value_and_floor_are_taken_at_one_count(
    make_images: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    num_samples: int,
    n: int,
) -> None:
    data = make_images(count=200)  # 140 to train on, 60 held out
    found = referred(data, tmp_path)
    counts: list[int] = []

    def counted(self: FrechetTo, rows: np.ndarray) -> float:
        counts.append(len(rows))
        return float(rows.mean())

    monkeypatch.setattr(FrechetTo, "__call__", counted)
    measured(data.train[:num_samples], found)
    assert Context(data.train[:num_samples], found, SETTINGS).count == n
    # Whole sets once, of larger pools eight or more. Where a pool is not cut into several,
    # quarters of it are for the error alone.
    for pool in (num_samples, 60):
        parts = pool // n
        times = 1 if pool == n else max(2, -(-8 // parts)) * parts
        quarters = 8 if parts == 1 else 0
        assert counts[:times] == [n] * times
        assert counts[times : times + quarters] == [pool // 4] * quarters
        counts = counts[times + quarters :]
    assert not counts


def test_the_floor_is_drawn_as_a_model_draws(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=200)
    found = referred(data, tmp_path)
    context = with_classes(data, found, data.train)
    assert 35 < context.count < 50  # of 60, half of them of each class
    assert context.has_floor
    metrics = measure(context)
    assert metrics["class_deviation_real"] > 0.02  # type: ignore[operator]
    # With another count there may be no floor for it, and the value compares with others.
    whole = with_classes(data, found, data.train, count=140)
    assert whole.count == 140
    assert not whole.has_floor
    alone = measure(whole)
    direct = frechet_distance(Statistics.of(found.train), Statistics.of(found.train))
    assert alone["frechet_distance"] == pytest.approx(direct, abs=1e-6)
    assert "frechet_distance_floor" not in alone
    assert "class_deviation_real" not in alone
    assert "confident_share_real" in alone


def test_more_rows_than_features_give_the_limit(
    make_points: Callable, tmp_path: Path
) -> None:
    data = make_points(count=300, dimension=2)
    metrics = measured(data.held_out, referred(data, tmp_path, COORDINATES))
    limit = metrics["frechet_distance_infinity"]
    assert limit == metrics["frechet_distance_infinity_floor"]
    assert limit < metrics["frechet_distance"]  # type: ignore[operator]
    few = measured(data.held_out[:8], referred(data, tmp_path, COORDINATES))
    assert "frechet_distance_infinity" not in few
    assert "frechet_distance_infinity_floor" in few


def test_all_subsets_together_are_the_whole(make_images: Callable, tmp_path: Path) -> None:
    # With as many samples as held-out examples there is one value, and no choice in it.
    data = make_images(count=200)
    found = referred(data, tmp_path)
    one, two = (
        measured(data.train[:60], found, SETTINGS.model_copy(update={"seed": seed}))
        for seed in (0, 1)
    )
    assert one["frechet_distance"] == two["frechet_distance"]
    assert one["kernel_distance"] != two["kernel_distance"]
    again = measured(data.train[:60], found)
    assert again == one


@pytest.mark.parametrize(
    ("num_samples", "largest", "size"),
    [(2, 1000, 2), (50, 1000, 25), (140, 1000, 30), (140, 9, 9)],
)
def test_kernel_size(
    make_images: Callable, tmp_path: Path, num_samples: int, largest: int, size: int
) -> None:
    data = make_images(count=200)
    found = referred(data, tmp_path)
    settings = SETTINGS.model_copy(update={"kernel_subset_size": largest})
    context = Context(data.train[:num_samples], found, settings)
    assert context.kernel_subset_size == size


def test_two_samples_are_enough(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=100)
    found = measured(data.train[:2], referred(data, tmp_path))
    assert found["frechet_distance_spread"] is None
    assert found["kernel_distance_spread"] is None
    numbers = [value for value in found.values() if value is not None]
    assert np.isfinite(numbers).all()


@pytest.mark.parametrize("dimension", [1, 2])
def test_points(make_points: Callable, tmp_path: Path, dimension: int) -> None:
    data = make_points(count=300, dimension=dimension)
    found = referred(data, tmp_path, COORDINATES)
    metrics = measured(data.held_out + 4.0, found)
    assert "confident_share" not in metrics
    assert "class_deviation" not in metrics
    # A shift by 4 is one of 4 / std in each coordinate, and nothing else.
    shift = dimension * (4.0 / data.manifest.std) ** 2
    centred = extract(found.extractor, data.held_out, "test").mean(0, dtype=np.float64)
    cross = 2 * (4.0 / data.manifest.std) * centred.sum()
    floor = metrics["frechet_distance_floor"]
    assert metrics["frechet_distance"] == pytest.approx(floor + shift + cross, rel=1e-3)
