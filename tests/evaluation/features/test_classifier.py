"""The classifier's features: it learns its classes and refuses what has none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.evaluation.features.classifier import Classifier
from snowmelt.evaluation.features.extractor import extract

PLAN = {"seed": 0, "steps": 40, "batch_size": 32, "learning_rate": 0.01}


def test_it_learns(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=200)
    extractor = Classifier(data.manifest, **PLAN)
    untrained = extractor.digest
    assert extractor.fit(data, tmp_path)["extractor_accuracy"] > 0.95
    assert extractor.digest != untrained
    found = extract(extractor, data.held_out, "test")
    assert found.min() >= 0
    labels = data.held_out_labels
    gap = found[labels == 0].mean(axis=0) - found[labels == 1].mean(axis=0)
    assert np.abs(gap).max() > 2 * found[labels == 0].std(axis=0).max()


def test_accuracy_is_of_the_held_out_split(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=200)
    truth = data.held_out_labels.copy()
    object.__setattr__(data, "held_out_labels", 1 - truth)
    assert (
        Classifier(data.manifest, **PLAN).fit(data, tmp_path)["extractor_accuracy"] < 0.05
    )


def test_colour(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=60, shape=(3, 9, 12))
    figures = Classifier(data.manifest, **PLAN | {"steps": 3}).fit(data, tmp_path)
    assert 0 <= figures["extractor_accuracy"] <= 1


def test_the_global_seed_does_not_matter(make_images: Callable, tmp_path: Path) -> None:
    data, digests = make_images(), set()
    for seed in (0, 1):
        torch.manual_seed(seed)
        extractor = Classifier(data.manifest, **PLAN | {"steps": 3})
        extractor.fit(data, tmp_path)
        digests.add(extractor.digest)
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("classes", "wrong"), [(0, "has no labels"), (1, "a single class")]
)
def test_nothing_to_learn(
    make_images: Callable, tmp_path: Path, classes: int, wrong: str
) -> None:
    data = make_images(classes=classes)
    with pytest.raises(
        UserError, match=rf"features=classifier.*{wrong}.*features=random_conv"
    ):
        Classifier(data.manifest, **PLAN).fit(data, tmp_path)
