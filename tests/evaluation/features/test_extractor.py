"""What holds for every extractor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build, plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation.features.extractor import Extractor, extract

CONF = Path(__file__).parents[3] / "conf" / "features"
CHOICES = sorted(path.stem for path in CONF.glob("*.yaml"))
OFFLINE = [choice for choice in CHOICES if choice not in ("dinov2", "inception")]


def made(choice: str, data: PreparedData, **changes: object) -> Extractor:
    settings = plain(OmegaConf.load(CONF / f"{choice}.yaml")) | changes
    settings.pop("independent_classifier")
    if "steps" in settings:
        settings["steps"] = 5
    return build(settings, Extractor, manifest=data.manifest)


@pytest.fixture
def fitting_data(make_images: Callable, make_points: Callable) -> Callable:
    """A function that prepares data of the kind that a choice reads."""
    return lambda choice: make_points() if choice == "coordinates" else make_images()


@pytest.mark.parametrize("choice", CHOICES)
def test_the_configuration_builds_it(choice: str, fitting_data: Callable) -> None:
    extractor = made(choice, fitting_data(choice))
    assert extractor.name == choice
    assert not extractor.is_standard_inception


@pytest.mark.parametrize("choice", CHOICES)
def test_data_of_another_kind(
    choice: str, make_images: Callable, make_points: Callable
) -> None:
    is_for_points = choice == "coordinates"
    data = make_images() if is_for_points else make_points()
    instead = "classifier" if is_for_points else "coordinates"
    with pytest.raises(
        UserError,
        match=rf"features={choice} reads .*{data.manifest.name}.*features={instead}",
    ):
        made(choice, data)


@pytest.mark.parametrize("choice", OFFLINE)
def test_fit_save_load(choice: str, fitting_data: Callable, tmp_path: Path) -> None:
    data = fitting_data(choice)
    extractor, other = made(choice, data), made(choice, data)
    extractor.fit(data, tmp_path)
    found = extract(extractor, data.held_out, "test")
    assert found.shape == (len(data.held_out), extractor.dimension)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert found.std(axis=0).max() > 0
    extractor.save(tmp_path / "extractor.pt")
    other.load(tmp_path / "extractor.pt")
    assert other.digest == extractor.digest
    assert np.array_equal(extract(other, data.held_out, "test"), found)


@pytest.mark.parametrize("choice", OFFLINE)
def test_features_belong_to_the_example(choice: str, fitting_data: Callable) -> None:
    # No feature depends on the other examples, on their order or on the global seed.
    data = fitting_data(choice)
    extractor = made(choice, data)
    whole = extract(extractor, data.train, "test")
    turned = extract(extractor, data.train[::-1], "test")
    torch.manual_seed(99)
    few = extract(made(choice, data), data.train[:3], "test")
    np.testing.assert_allclose(turned[::-1], whole, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(few, whole[:3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("choice", ["classifier", "random_conv"])
def test_the_seed_counts(choice: str, fitting_data: Callable) -> None:
    data = fitting_data(choice)
    assert made(choice, data).digest == made(choice, data).digest
    assert made(choice, data).digest != made(choice, data, seed=1).digest


def test_many_batches(make_images: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_images()
    extractor = made("random_conv", data)
    whole = extract(extractor, data.train, "test")
    monkeypatch.setattr(type(extractor), "batch", 7)
    np.testing.assert_allclose(extract(extractor, data.train, "test"), whole, atol=1e-5)
