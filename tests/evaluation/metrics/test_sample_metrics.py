"""Every number of the evaluation, against what it must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import reference_features
from snowmelt.evaluation.features.extractor import extract
from snowmelt.evaluation.features.random_conv import RandomConv
from snowmelt.evaluation.metrics import sample_metrics
from snowmelt.evaluation.metrics.feature_distances import Statistics, frechet_distance
from snowmelt.evaluation.metrics.sample_metrics import Settings, measure
from snowmelt.evaluation.reference_features import Reference

SETTINGS = Settings(subsets=4, kernel_subsets=5, kernel_subset_size=1000, seed=0)
PLAN = {"seed": 1, "steps": 20, "batch_size": 32, "learning_rate": 0.01}
RANDOM = {
    "_target_": "snowmelt.features.RandomConv",
    "seed": 0,
    "judge": {
        "_target_": "snowmelt.features.Judge",
        **PLAN,
    },
}
COORDINATES = {
    "_target_": "snowmelt.features.Coordinates",
    "judge": None,
}


def referred(
    data: PreparedData, tmp_path: Path, features: dict[str, Any] = RANDOM
) -> Reference:
    reference_features.write(tmp_path / "r", data, features, tmp_path)
    return Reference.open(tmp_path / "r", data.manifest)


def test_the_keys_and_their_order(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=200)
    found = measure(data.train, referred(data, tmp_path), SETTINGS)
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
        "class_deviation",
        "class_deviation_spread",
        "class_deviation_real",
        "class_deviation_real_spread",
        "near_share",
        "judge_accuracy",
    ]


def test_standard_inception_alone_gives_fid(
    make_images: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_images(count=100)
    found = referred(data, tmp_path)
    other = measure(data.held_out, found, SETTINGS)
    assert not {"fid", "kid"} & set(other)
    monkeypatch.setattr(RandomConv, "is_standard_inception", True)
    standard = measure(data.held_out, found, SETTINGS)
    assert standard["fid"] == other["frechet_distance"]
    assert standard["kid_floor"] == other["kernel_distance_floor"]
    assert not any(key.startswith(("frechet", "kernel")) for key in standard)


def test_held_out_examples_are_at_the_floor(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=200)
    found = referred(data, tmp_path)
    metrics = measure(data.held_out, found, SETTINGS)
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
    copies, noisy = (measure(s, found, SETTINGS) for s in (data.train[:80], noise))
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

    def counted(rows: np.ndarray) -> Statistics:
        counts.append(len(rows))
        mean = rows.mean(axis=0, dtype=np.float64)
        return Statistics(mean, np.eye(rows.shape[1]))

    monkeypatch.setattr(sample_metrics.Statistics, "of", counted)
    measure(data.train[:num_samples], found, SETTINGS)
    assert sample_metrics.count_used(found, num_samples) == n
    # Whole sets once, larger ones in four subsets; halves are for the spread alone.
    times = (1 if num_samples == n else 4) + (1 if n == 60 else 4)
    assert counts.count(n) == times
    assert set(counts) <= {n, n // 2, min(n, num_samples // 2), 30}


def test_all_subsets_together_are_the_whole(make_images: Callable, tmp_path: Path) -> None:
    # With as many samples as held-out examples there is one value, and no choice in it.
    data = make_images(count=200)
    found = referred(data, tmp_path)
    one, two = (
        measure(data.train[:60], found, Settings(4, 5, 1000, seed)) for seed in (0, 1)
    )
    assert one["frechet_distance"] == two["frechet_distance"]
    assert one["frechet_distance_spread"] != two["frechet_distance_spread"]
    again = measure(data.train[:60], found, SETTINGS)
    assert again == one


@pytest.mark.parametrize(
    ("num_samples", "largest", "size"),
    [(2, 1000, 2), (50, 1000, 25), (140, 1000, 30), (140, 9, 9)],
)
def test_kernel_size(
    make_images: Callable, tmp_path: Path, num_samples: int, largest: int, size: int
) -> None:
    found = referred(make_images(count=200), tmp_path)
    assert (
        sample_metrics.kernel_size(found, num_samples, Settings(4, 5, largest, 0)) == size
    )


def test_two_samples_are_enough(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=100)
    found = measure(data.train[:2], referred(data, tmp_path), SETTINGS)
    assert found["frechet_distance_spread"] is None
    numbers = [value for value in found.values() if value is not None]
    assert np.isfinite(numbers).all()


@pytest.mark.parametrize("dimension", [1, 2])
def test_points(make_points: Callable, tmp_path: Path, dimension: int) -> None:
    data = make_points(count=300, dimension=dimension)
    found = referred(data, tmp_path, COORDINATES)
    metrics = measure(data.held_out + 4.0, found, SETTINGS)
    assert "confident_share" not in metrics
    assert "class_deviation" not in metrics
    # A shift by 4 is one of 4 / std in each coordinate, and nothing else.
    shift = dimension * (4.0 / data.manifest.std) ** 2
    centred = extract(found.extractor, data.held_out, "test").mean(0, dtype=np.float64)
    cross = 2 * (4.0 / data.manifest.std) * centred.sum()
    floor = metrics["frechet_distance_floor"]
    assert metrics["frechet_distance"] == pytest.approx(floor + shift + cross, rel=1e-3)


def test_confident_share() -> None:
    probabilities = np.array([[0.91, 0.09], [0.05, 0.95], [0.9, 0.1], [0.5, 0.5]])
    assert sample_metrics.confident_share(probabilities) == 0.5


def test_class_deviation() -> None:
    expected = np.array([0.5, 0.25, 0.25])
    assert sample_metrics.class_deviation(np.array([0, 0, 1, 2]), expected) == 0.0
    assert sample_metrics.class_deviation(np.array([0, 0, 0, 0]), expected) == 0.5
    assert sample_metrics.class_deviation(np.array([1]), expected) == 0.75


@pytest.mark.parametrize("key", ["subsets", "kernel_subsets", "kernel_subset_size", "seed"])
def test_bad_settings_name_their_key(key: str) -> None:
    values = {"subsets": 1, "kernel_subsets": 1, "kernel_subset_size": 2, "seed": 0}
    Settings(**values)
    with pytest.raises(UserError, match=rf"evaluation\.{key}"):
        Settings(**values | {key: values[key] - 1})
