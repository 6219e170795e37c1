"""The independent classifier is accurate and its confidence is calibrated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.scaling import to_model
from snowmelt.evaluation.features import weight_files
from snowmelt.evaluation.features.independent_classifier import (
    TEMPERATURES,
    IndependentClassifier,
    calibrated,
)

PLAN = {"seed": 1, "steps": 40, "batch_size": 32, "learning_rate": 0.01}


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.5])
def test_the_temperature_is_found(temperature: float) -> None:
    # Labels drawn from softmax(logits / T) are best explained by T.
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20000, 4, generator=generator)
    shares = (logits / temperature).softmax(dim=1)
    labels = torch.multinomial(shares, 1, generator=generator)[:, 0]
    assert float(calibrated(logits, labels)) == pytest.approx(temperature, rel=0.06)


def test_a_flawless_set_does_not_ask_for_certainty() -> None:
    logits, labels = 5 * torch.eye(3), torch.arange(3)
    assert calibrated(logits, labels) == TEMPERATURES.min() == 0.5


def test_it_learns_and_is_calibrated(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=300)
    classifier = IndependentClassifier(data.manifest, **PLAN)
    figures = classifier.fit(data)
    assert figures["judge_accuracy"] > 0.95
    assert figures["judge_calibration_error"] < 0.1
    assert figures["judge_temperature"] == float(classifier.temperature) != 1.0
    found = classifier.probabilities(data.held_out)
    assert found.shape == (len(data.held_out), 2)
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    with torch.inference_mode():
        logits = classifier.net(to_model(torch.tensor(data.held_out), data.manifest))
    expected = (logits / figures["judge_temperature"]).softmax(dim=1)
    assert found == pytest.approx(expected.numpy(), abs=1e-5)
    is_right = found.argmax(axis=1) == data.held_out_labels
    assert figures["judge_accuracy"] == pytest.approx(is_right.mean())
    weight_files.save(classifier, tmp_path / "judge.pt")
    other = IndependentClassifier(data.manifest, **PLAN)
    assert other.digest != classifier.digest
    other.load(tmp_path / "judge.pt")
    assert other.digest == classifier.digest
    assert np.array_equal(other.probabilities(data.held_out), found)


def test_it_is_not_trained_on_what_calibrates_it(make_images: Callable) -> None:
    # Wrong labels in the part set aside spoil the temperature, not the weights.
    data = make_images(count=300)
    honest, misled = (
        IndependentClassifier(data.manifest, **PLAN),
        IndependentClassifier(data.manifest, **PLAN),
    )
    honest.fit(data)
    labels = data.train_labels.copy()
    aside = round(0.1 * len(labels))
    labels[:aside] = 1 - labels[:aside]
    object.__setattr__(data, "train_labels", labels)
    misled.fit(data)
    assert weight_files.digest(misled.net) == weight_files.digest(honest.net)
    assert misled.temperature > honest.temperature


def test_one_class(make_images: Callable) -> None:
    data = make_images(classes=1)
    with pytest.raises(UserError, match="a single class"):
        IndependentClassifier(data.manifest, **PLAN).fit(data)


def test_a_bad_plan_names_its_key(make_images: Callable) -> None:
    with pytest.raises(UserError, match=r"features\.independent_classifier\.steps"):
        IndependentClassifier(make_images().manifest, **PLAN | {"steps": 0})
