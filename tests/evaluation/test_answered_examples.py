"""Answers to a measurement are measured beside the examples and what was seen of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import sample_folders
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from snowmelt.common.array_files import write_arrays
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import reference_features
from snowmelt.evaluation.drawn_samples import FROM_DEGRADED, Drawn
from snowmelt.evaluation.metrics.sample_metrics import Context
from snowmelt.evaluation.reference_features import Reference
from snowmelt.evaluation.sample_evaluation import compared, measure, protocol
from snowmelt.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings(subsets=3, kernel_subsets=4, kernel_subset_size=20, seed=0)
FEATURES = {
    "_target_": "snowmelt.features.RandomConv",
    "seed": 0,
    "independent_classifier": None,
}
GRAY = {"_target_": "snowmelt.operators.Gray"}
MEASURED = {"_target_": "snowmelt.guidance.Measurement", "operator": GRAY}
RANGE = (20, 220)

Made = tuple[PreparedData, Reference]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("colours")
    random = np.random.default_rng(0)
    hue = random.uniform(30, 210, (120, 3, 1, 1))
    images = (hue + random.normal(0, 12, (120, 3, 12, 12))).clip(*RANGE)
    dataset.write(
        folder / "data",
        examples=images.round().astype(np.uint8),
        name="colours",
        value_range=RANGE,
    )
    data = PreparedData.open(folder / "data")
    reference_features.write(folder / "reference", data, FEATURES, folder)
    return data, Reference.open(folder / "reference", data.manifest)


def context(
    made: Made,
    folder: Path,
    samples: np.ndarray,
    answers: np.ndarray | None = None,
    **said: Any,
) -> tuple[Context, dict[str, Any]]:
    data, reference = made
    folder.mkdir()
    np.save(folder / "samples.npy", samples)
    if answers is not None:
        write_arrays(folder / "answers.npz", {"answers": answers})
    description = sample_folders.describe(folder, data.manifest, **said)
    return (
        compared(samples, description, folder, data, reference, SETTINGS),
        description,
    )


def noisy(data: PreparedData, scale: float, rounds: int = 1) -> np.ndarray:
    """The held-out examples with noise, several times over."""
    held_out = np.tile(np.asarray(data.held_out), (rounds, 1, 1, 1)).astype(float)
    noise = np.random.default_rng(1).normal(0, scale, held_out.shape)
    return (held_out + noise).clip(*RANGE).round().astype(np.uint8)


def test_psnr_and_ssim_are_those_of_torchmetrics(made: Made, tmp_path: Path) -> None:
    data, _ = made
    samples = noisy(data, 20.0)
    asked, _ = context(made, tmp_path / "s", samples, degraded_by=GRAY)
    found = measure(asked)
    one, other = (
        (torch.from_numpy(np.array(part)).double() - 20.0) / 200.0
        for part in (samples, data.held_out)
    )
    psnr = peak_signal_noise_ratio(
        one, other, data_range=1.0, dim=(1, 2, 3), reduction="elementwise_mean"
    )
    assert found["psnr"] == pytest.approx(float(psnr), abs=1e-4)
    ssim = structural_similarity_index_measure(one, other, data_range=1.0)
    assert found["ssim"] == pytest.approx(float(ssim), abs=1e-5)
    # Another held-out example in its place is further off.
    assert found["psnr_real"] < found["psnr"]  # type: ignore[operator]
    assert found["ssim_real"] < found["ssim"]  # type: ignore[operator]


def test_what_was_given_is_measured_too(made: Made, tmp_path: Path) -> None:
    data, _ = made
    asked, _ = context(made, tmp_path / "s", noisy(data, 20.0), degraded_by=GRAY)
    found = measure(asked)
    real = np.asarray(data.held_out).astype(float)
    gray = real.mean(axis=1, keepdims=True)
    squares = np.square((real - gray) / 200.0).mean(axis=(1, 2, 3))
    assert found["given_psnr"] == pytest.approx(-10 * np.log10(squares).mean(), abs=1e-6)
    pair = [torch.from_numpy((part - 20.0) / 200.0) for part in (gray.repeat(3, 1), real)]
    ssim = structural_similarity_index_measure(*pair, data_range=1.0)
    assert found["given_ssim"] == pytest.approx(float(ssim), abs=1e-5)
    assert not {"given_psnr_real", "given_ssim_real"} & found.keys()


def test_the_measurement_error_sees_the_grey_alone(made: Made, tmp_path: Path) -> None:
    data, _ = made
    turned = np.asarray(data.held_out)[:, [1, 2, 0]]  # other colours of the same grey
    asked, _ = context(made, tmp_path / "turned", turned, degraded_by=GRAY)
    found = measure(asked)
    assert found["measurement_error"] == pytest.approx(0.0, abs=1e-9)
    assert found["completion_error"] > 0.1  # type: ignore[operator]
    lighter = np.asarray(data.held_out).astype(int) + 10
    asked, _ = context(made, tmp_path / "l", lighter.astype(np.uint8), degraded_by=GRAY)
    assert measure(asked)["measurement_error"] == pytest.approx(10 / 200)


def test_an_answer_that_is_right_is_no_infinity(made: Made, tmp_path: Path) -> None:
    data, _ = made
    exact = np.asarray(data.held_out)
    asked, _ = context(made, tmp_path / "s", exact, degraded_by=GRAY)
    # The error of rounding to a level, at most.
    assert measure(asked)["psnr"] == pytest.approx(10 * math.log10(12 * 200**2))


def test_draws_from_the_posterior_are_as_varied_as_their_error(
    made: Made, tmp_path: Path
) -> None:
    """Answers and truth that are draws of one law: the error is the spread times root 2."""
    data, _ = made
    count = len(data.held_out)
    random = np.random.default_rng(2)
    means = random.uniform(80, 160, (count, 3, 12, 12))
    drawn = means[:, None] + random.normal(0, 15, (count, 8, 3, 12, 12))
    truth = means + random.normal(0, 15, means.shape)
    levels = drawn.round().astype(np.uint8)
    own = PreparedData(
        data.folder, data.manifest, data.train, truth.round().astype(np.uint8), None, None
    )
    asked, said = context(
        (own, made[1]), tmp_path / "s", levels[:, 0], levels, degraded_by=GRAY
    )
    found = measure(asked)
    assert found["answer_spread"] == pytest.approx(15 / 200, rel=0.02)
    ratio = found["completion_error"] / found["answer_spread"]  # type: ignore[operator]
    assert ratio == pytest.approx(math.sqrt(2), rel=0.02)
    how = protocol(asked, data.manifest, said)
    assert how["answers"] == {"examples": count, "each": 8}
    assert how["measured_as"] == FROM_DEGRADED
    assert "left_out" not in how


def test_samples_of_a_flow_are_new_samples_too(made: Made, tmp_path: Path) -> None:
    data, _ = made
    asked, _ = context(made, tmp_path / "s", noisy(data, 20.0), degraded_by=GRAY)
    found = measure(asked)
    assert {"frechet_distance", "psnr", "completion_error"} <= found.keys()
    assert "completion_frechet_distance" not in found
    assert "answer_spread" not in found


def test_guided_completions_have_the_same_numbers(made: Made, tmp_path: Path) -> None:
    data, _ = made
    samples = noisy(data, 20.0)
    flow = measure(context(made, tmp_path / "f", samples, degraded_by=GRAY)[0])
    completed, said = context(
        made, tmp_path / "c", samples, examples="e", guidance=MEASURED
    )
    found = measure(completed)
    for key in ("psnr", "ssim", "measurement_error", "given_psnr", "completion_error"):
        assert found[key] == flow[key]
    for ending in ("", "_spread", "_floor"):
        assert found[f"completion_frechet_distance{ending}"] == pytest.approx(
            flow[f"frechet_distance{ending}"]
        )
    assert "frechet_distance" not in found
    assert "left_out" in protocol(completed, data.manifest, said)


def test_small_images_have_no_window(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=80)
    reference_features.write(tmp_path / "r", data, FEATURES, tmp_path)
    reference = Reference.open(tmp_path / "r", data.manifest)
    by = {"_target_": "snowmelt.operators.Downsample", "factor": 2}
    samples = np.array(data.held_out)
    found = measure(context((data, reference), tmp_path / "s", samples, degraded_by=by)[0])
    assert "psnr" in found
    assert not {"ssim", "given_ssim"} & found.keys()


def test_other_samples_answer_to_nothing(made: Made, tmp_path: Path) -> None:
    data, _ = made
    found = measure(context(made, tmp_path / "s", noisy(data, 20.0))[0])
    assert not {"psnr", "completion_error", "answer_spread"} & found.keys()
    said = {"digests": {"samples.npy": "s"}, "num_samples": 3}
    assert not Drawn.of(said, tmp_path, None).is_of_examples
