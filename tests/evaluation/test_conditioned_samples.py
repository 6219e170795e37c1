"""Samples are measured as what they are: of classes against these, completions as such."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import sample_folders
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

from snowmelt.common.array_files import read_arrays
from snowmelt.common.errors import UserError
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import class_evaluation, nearest_arrays, reference_features
from snowmelt.evaluation.completed_examples import Completions
from snowmelt.evaluation.conditioned_reference import (
    ChosenRows,
    of_classes,
    rows_in_shares,
)
from snowmelt.evaluation.drawn_samples import COMPLETED, LEFT_OUT, Drawn
from snowmelt.evaluation.excess import Excess
from snowmelt.evaluation.features.extractor import extract
from snowmelt.evaluation.metrics import (
    feature_distances,
    manifold_metrics,
    mode_balance,
    paired_sets,
    two_sample_test,
)
from snowmelt.evaluation.metrics.sample_metrics import Context
from snowmelt.evaluation.reference_features import Reference
from snowmelt.evaluation.sample_evaluation import compared, measure, protocol
from snowmelt.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings(subsets=3, kernel_subsets=4, kernel_subset_size=100, seed=0)
FEATURES = {
    "_target_": "snowmelt.features.RandomConv",
    "seed": 0,
    "independent_classifier": {
        "_target_": "snowmelt.features.IndependentClassifier",
        "seed": 1,
        "steps": 60,
        "batch_size": 64,
        "learning_rate": 0.01,
    },
}


@pytest.fixture
def bars(make_images: Callable, tmp_path: Path) -> tuple[PreparedData, Reference]:
    """Upright and lying bars, and their reference."""
    data = make_images(count=300)
    reference_features.write(tmp_path / "reference", data, FEATURES, tmp_path)
    return data, Reference.open(tmp_path / "reference", data.manifest)


def context(
    bars: tuple[PreparedData, Reference],
    folder: Path,
    samples: np.ndarray,
    labels: np.ndarray | None = None,
    **changes: Any,
) -> tuple[Context, dict[str, Any]]:
    """The context that the stage evaluate makes, and the content of samples.json."""
    data, reference = bars
    folder.mkdir()
    if labels is not None:
        np.save(folder / "labels.npy", labels)
    np.save(folder / "samples.npy", samples)
    said = sample_folders.describe(folder, data.manifest, **changes)
    return compared(samples, said, folder, data, reference, SETTINGS), said


def fresh(data: PreparedData, number: int, count: int) -> np.ndarray:
    """Held-out examples of one class, as a perfect model would draw them."""
    assert data.held_out_labels is not None
    return np.asarray(data.held_out[np.flatnonzero(data.held_out_labels == number)[:count]])


def test_rows_in_shares() -> None:
    labels = np.array([0, 1, 0, 0, 1, 2, 0, 1])
    assert rows_in_shares(labels, np.array([0.5, 0.5, 0.0])).tolist() == [0, 1, 2, 3, 4, 7]
    assert rows_in_shares(labels, np.array([0.0, 0.0, 1.0])).tolist() == [5]
    # Four of the first class at 0.6 allow less than one of the last, which still counts.
    kept = rows_in_shares(labels, np.array([0.6, 0.3, 0.1]))
    assert np.bincount(labels[kept], minlength=3).tolist() == [4, 2, 1]
    assert len(rows_in_shares(labels[:5], np.array([0.5, 0.0, 0.5]))) == 0


def test_one_class_is_measured_against_itself(bars: Any, tmp_path: Path) -> None:
    data, _ = bars
    samples = fresh(data, 1, 40)
    asked, said = context(bars, tmp_path / "one", samples, np.ones(40, np.int64))
    assert (asked.labels == 1).all()
    assert len(asked.reference.held_out) == np.sum(data.held_out_labels == 1)
    found = measure(asked)
    # The samples are held-out examples of the class, so they are as near as those.
    error = math.hypot(
        found["frechet_distance_spread"], found["frechet_distance_floor_spread"]
    )  # type: ignore[arg-type]
    assert found["frechet_distance"] == pytest.approx(
        found["frechet_distance_floor"], abs=4 * error
    )
    assert found["class_agreement"] == pytest.approx(found["class_agreement_real"], abs=0.1)
    assert found["class_agreement"] > 0.8  # type: ignore[operator]
    # Against all of the data the same samples are far off.
    free, _ = context(bars, tmp_path / "free", samples)
    whole = measure(free)
    assert whole["frechet_distance"] > 3 * whole["frechet_distance_floor"]  # type: ignore[operator]
    assert "class_agreement" not in whole
    how = protocol(asked, data.manifest, said)
    assert how["reference_classes"] == {"lying": 1.0}
    assert how["measured_as"].startswith("samples of chosen classes")
    assert how["reference_count"] == np.sum(data.train_labels == 1)
    free_how = protocol(free, data.manifest, said)
    assert not {"measured_as", "left_out", "reference_classes"} & set(free_how)
    assert how["digest"] != free_how["digest"]


def test_the_wrong_class_disagrees(bars: Any, tmp_path: Path) -> None:
    data, _ = bars
    samples = fresh(data, 0, 30)
    asked, _ = context(bars, tmp_path / "s", samples, np.ones(30, np.int64))
    found = measure(asked)
    assert found["class_agreement"] < 0.2  # type: ignore[operator]
    assert found["frechet_distance"] > 3 * found["frechet_distance_floor"]  # type: ignore[operator]


def test_all_classes_in_turn_are_measured_in_these_shares(
    bars: Any, tmp_path: Path
) -> None:
    data, _ = bars
    labels = np.array([0, 0, 1] * 20)
    samples = np.stack([fresh(data, c, 1)[0] for c in labels])
    asked, said = context(bars, tmp_path / "s", samples, labels)
    shares = np.bincount(asked.labels) / len(asked.labels)  # type: ignore[arg-type]
    np.testing.assert_allclose(shares, [2 / 3, 1 / 3], atol=0.02)
    assert asked.reference.description["class_shares"] == [2 / 3, 1 / 3]
    assert measure(asked)["class_deviation"] < 0.15  # type: ignore[operator]
    assert protocol(asked, data.manifest, said)["reference_classes"] == {
        "upright": 2 / 3,
        "lying": 1 / 3,
    }


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, -1, 1], [0, 1]])
def test_labels_that_are_none_of_the_data_are_refused(
    bars: Any, tmp_path: Path, labels: list[int]
) -> None:
    data, _ = bars
    samples = fresh(data, 0, 3)
    with pytest.raises(UserError, match=r"labels\.npy does not name one of the data's 2"):
        context(bars, tmp_path / "s", samples, np.array(labels))


def test_a_class_that_is_not_held_out_is_refused(bars: Any, tmp_path: Path) -> None:
    data, reference = bars
    few = PreparedData(
        data.folder, data.manifest, data.train, data.held_out, data.train_labels,
        np.zeros(len(data.held_out), np.int64),
    )  # fmt: skip
    with pytest.raises(
        UserError, match="the classes lying cannot be measured: the held-out"
    ):
        of_classes(reference, few, np.ones(5, np.int64))


def test_completions_are_no_new_samples(bars: Any, tmp_path: Path) -> None:
    data, _ = bars
    count = 2 * len(data.held_out)
    samples = np.asarray(data.held_out)[np.arange(count) % len(data.held_out)].copy()
    samples[:, 0, 0, 0] = (samples[:, 0, 0, 0].astype(int) + 8) % 16
    examples = data.manifest.digests["images.npy"]
    completed, said = context(bars, tmp_path / "s", samples, examples=examples)
    found = measure(completed)
    assert list(found) == [
        "completion_error",
        "completion_error_spread",
        "completion_error_real",
        "completion_error_real_spread",
        "completion_feature_distance",
        "completion_feature_distance_spread",
        "completion_feature_distance_real",
        "completion_feature_distance_real_spread",
        "completion_class_share",
        "completion_class_share_spread",
        "completion_class_share_real",
        "completion_class_share_real_spread",
    ]
    # One value of 64 differs, by half of the range.
    assert found["completion_error"] == pytest.approx(0.5 / 8, rel=0.01)
    assert found["completion_error_real"] > 0.2  # type: ignore[operator]
    assert found["completion_class_share"] == pytest.approx(
        found["completion_class_share_real"], abs=0.1
    )
    how = protocol(completed, data.manifest, said)
    assert (how["measured_as"], how["left_out"]) == (COMPLETED, LEFT_OUT)
    assert how["n"] == count
    assert class_evaluation.measure(completed, data.manifest.classes).rows == []
    nearest_arrays.save(completed, tmp_path)
    assert not (tmp_path / nearest_arrays.FILE).exists()


def test_completions_of_one_example_count_once_in_the_error(
    bars: Any, tmp_path: Path
) -> None:
    data, _ = bars
    n = len(data.held_out)
    samples = np.asarray(data.held_out)[np.arange(2 * n) % n]
    twice, _ = context(bars, tmp_path / "two", samples, examples="e")
    once, _ = context(bars, tmp_path / "one", samples[:n], examples="e")
    values = np.random.default_rng(0).normal(size=n)
    one = Completions(once).mean_of(values)
    two = Completions(twice).mean_of(np.tile(values, 2))
    assert two.value == pytest.approx(one.value)
    assert two.spread == pytest.approx(one.spread)


def test_free_samples_are_drawn_freely(tmp_path: Path) -> None:
    said = {"digests": {"samples.npy": "s"}, "num_samples": 3}
    assert Drawn.of(said, tmp_path, None) == Drawn()
    assert Drawn().protocol(("a", "b")) == {}


def written(
    tmp_path: Path,
    points: np.ndarray,
    labels: np.ndarray,
    classes: tuple[str, ...],
    held_out_fraction: float,
) -> tuple[PreparedData, Reference]:
    """Points of classes as a project has them, with their reference."""
    dataset.write(
        tmp_path / "heaps",
        examples=points,
        labels=labels,
        classes=classes,
        name="heaps",
        held_out_fraction=held_out_fraction,
        config={"name": "heaps"},
    )
    data = PreparedData.open(tmp_path / "heaps")
    features = {
        "_target_": "snowmelt.features.Coordinates",
        "independent_classifier": None,
    }
    reference_features.write(tmp_path / "reference", data, features, tmp_path)
    return data, Reference.open(tmp_path / "reference", data.manifest)


def points(tmp_path: Path, count: int = 400) -> tuple[PreparedData, Reference]:
    """Two heaps of points, left and right."""
    labels = np.arange(count, dtype=np.int64) % 2
    cloud = np.random.default_rng(0).normal(size=(count, 2)) + 9.0 * labels[:, None]
    classes = ("left", "right")
    return written(tmp_path, cloud.astype(np.float32), labels, classes, 0.3)


def test_sets_of_points_have_the_asked_classes_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, reference = points(tmp_path)
    labels = np.array([0, 1, 1, 1] * 30)
    samples = np.stack([fresh(data, c, 1)[0] for c in labels])
    asked, _ = context((data, reference), tmp_path / "s", samples, labels)
    seen: list[list[int]] = []

    def distance(one: np.ndarray, two: np.ndarray) -> float:
        # By the coordinates, which are standardised: the heaps lie left and right of 0.
        seen.extend([len(rows), int((rows[:, 0] > 0).sum())] for rows in (one, two))
        return float(len(seen))

    monkeypatch.setattr(paired_sets.pairwise, "energy_distance", distance)
    found = paired_sets.energy_distance(asked.held_out)
    assert found is not None
    size = asked.set_size
    assert len(seen) == 2 * (asked.count // size) >= 8
    for count, right in seen:
        assert count == size
        assert abs(right - 0.75 * size) <= 1


def test_points_of_a_class(tmp_path: Path) -> None:
    data, reference = points(tmp_path)
    samples = fresh(data, 1, 50)
    asked, _ = context((data, reference), tmp_path / "s", samples, np.ones(50, np.int64))
    found = measure(asked)
    assert found["wasserstein_2"] < 3 * found["wasserstein_2_floor"]  # type: ignore[operator]
    # There is one mode alone, so their balance means nothing.
    assert "mode_coverage" not in found
    assert found["class_agreement"] == found["class_agreement_real"] == 1.0
    left = fresh(data, 0, 50)
    wrong, _ = context((data, reference), tmp_path / "w", left, np.ones(50, np.int64))
    assert measure(wrong)["class_agreement"] == 0.0


CENTRES = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 5.0], [6.0, 6.0]])


def heaps(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of four heaps of several widths, each in turn."""
    labels = np.arange(count, dtype=np.int64) % len(CENTRES)
    noise = random.normal(size=(count, 2)) * (1 + 0.3 * labels[:, None])
    return (CENTRES[labels] + noise).astype(np.float32), labels


METRICS = {
    "frechet": feature_distances.frechet,
    "kernel": feature_distances.kernel,
    "wasserstein": paired_sets.wasserstein_2,
    "energy": paired_sets.energy_distance,
    "precision": manifold_metrics.precision,
    "density": manifold_metrics.density,
    "two-sample": two_sample_test.against_train,
    "deviation": mode_balance.mode_deviation,
}


@pytest.mark.parametrize(("samples", "held_out"), [(600, 200), (200, 600)])
def test_a_perfect_conditional_model_is_seldom_told_apart(
    tmp_path: Path, samples: int, held_out: int
) -> None:
    train, labels = heaps(np.random.default_rng(0), 1200)
    data, reference = written(tmp_path, train, labels, tuple("abcd"), 0.2)
    settings = EvaluationSettings(subsets=40, kernel_subsets=60, kernel_subset_size=100)
    found: dict[str, list[Excess]] = {name: [] for name in METRICS}
    for seed in range(40):
        random = np.random.default_rng(seed)
        (drawn, asked), (real, classes) = heaps(random, samples), heaps(random, held_out)
        beside = extract(reference.extractor, real, "held-out features")
        context = Context(
            drawn,
            replace(reference, held_out=beside),
            settings.model_copy(update={"seed": seed}),
            data.train_labels,
            classes,
            drawn=Drawn(labels=asked),
        )
        assert context.count == 200
        for name, metric in METRICS.items():
            one, two = metric(context.generated), metric(context.held_out)
            found[name].append(
                Excess.over(
                    (two.value, two.spread),
                    (one.value, one.spread),
                    (two.freedom, one.freedom),
                )
            )
    for name, excesses in found.items():
        apart = np.array([excess.value for excess in excesses])
        # At most 5 % are told apart; more than six of forty would be by chance in 0.3 %.
        assert np.mean([not excess.holds_zero for excess in excesses]) <= 0.15, name
        assert abs(apart.mean()) < 3.5 * apart.std() / math.sqrt(len(apart)), name
        # The error is that of the difference, not of luck that nobody has.
        said = np.mean([excess.error for excess in excesses])
        assert 0.7 < said / apart.std() < 2.0, (name, said, apart.std())


def test_each_set_of_asked_classes_has_their_shares(bars: Any, tmp_path: Path) -> None:
    data, _ = bars
    labels = np.array([0, 0, 1] * 40)
    samples = np.stack([fresh(data, c, 1)[0] for c in labels])
    asked, said = context(bars, tmp_path / "s", samples, labels)
    assert asked.real is not None
    held_out = asked.real.held_out_labels
    assert asked.count == len(held_out) < len(samples)  # type: ignore[arg-type]
    for n in (asked.count, 20):
        one = asked.generated.one_set(labels, n)
        two = asked.held_out.one_set(np.asarray(held_out), n)
        assert np.bincount(one).tolist() == np.bincount(two).tolist()  # type: ignore[arg-type]
    how = protocol(asked, data.manifest, said)
    assert how["floor_draws"].startswith("in the shares of the classes")


def test_of_all_samples_the_kernel_distance_is_torch_fidelitys(
    bars: Any, tmp_path: Path
) -> None:
    data, _ = bars
    labels = np.arange(20) % 2
    samples = np.stack([fresh(data, c, 1 + n)[n] for n, c in enumerate(labels)])
    asked, _ = context(bars, tmp_path / "s", samples, labels)
    assert asked.count == 20
    size = asked.kernel_subset_size
    expected = kid_features_to_metric(
        *(torch.from_numpy(np.array(x)) for x in (asked.generated.features, asked.train)),
        kid_subsets=SETTINGS.kernel_subsets,
        kid_subset_size=size,
        rng_seed=0,
        verbose=False,
    )[KEY_METRIC_KID_MEAN]
    found = feature_distances.kernel(asked.generated)
    assert found is not None
    assert found.value == pytest.approx(expected, rel=1e-6)


def test_too_few_held_out_examples_make_no_set(bars: Any, tmp_path: Path) -> None:
    data, reference = bars
    kept = [int(np.flatnonzero(data.held_out_labels == c)[0]) for c in (0, 1)]
    few = replace(
        data, held_out=data.held_out[kept], held_out_labels=data.held_out_labels[kept]
    )
    labels = np.array([0] * 19 + [1])
    samples = np.stack([fresh(data, c, 1)[0] for c in labels])
    with pytest.raises(UserError, match=r"of the 2 held-out examples no set of 2 .*hold"):
        context((few, reference), tmp_path / "s", samples, labels)


def test_a_copy_of_another_class_is_a_copy(bars: Any, tmp_path: Path) -> None:
    data, _ = bars
    copies = np.asarray(data.train[np.flatnonzero(data.train_labels == 0)[:30]])
    asked, _ = context(bars, tmp_path / "s", copies, np.ones(30, np.int64))
    found = measure(asked)
    assert found["copied_share"] == 1.0
    assert found["memorised_share_pixels"] == 1.0
    held_out = asked.neighbourhood.pixels.held_out
    assert len(held_out.distance) == np.sum(data.held_out_labels == 1)
    nearest_arrays.save(asked, tmp_path)
    arrays = read_arrays(tmp_path / nearest_arrays.FILE)
    assert (arrays["pixels_worst"] == arrays["pixels_worst_train"]).all()


def test_chosen_rows_are_read_when_asked_for() -> None:
    chosen = ChosenRows(np.arange(20).reshape(10, 2), np.array([7, 1, 4]))
    assert (len(chosen), chosen.shape) == (3, (3, 2))
    assert chosen[1:].tolist() == [[2, 3], [8, 9]]
    assert chosen[np.array([2, 0])].tolist() == [[8, 9], [14, 15]]
