"""Inception: the pixels that it sees, the names that it earns, and no code run."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import (
    URL_INCEPTION_V3,
    FeatureExtractorInceptionV3,
)

from snowmelt.common.errors import UserError
from snowmelt.evaluation.features import inception_weights
from snowmelt.evaluation.features.extractor import extract
from snowmelt.evaluation.features.inception import Inception


class Fresh(FeatureExtractorInceptionV3):
    """Theirs with random weights: it ignores what it loads."""

    def load_state_dict(self, *_: Any, **__: Any) -> None:
        return None


@pytest.fixture(scope="module")
def theirs() -> Fresh:
    """Torch-fidelity's network, seeded."""
    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Fresh("inception", ["2048"], feature_extractor_weights_path=empty)


@pytest.fixture(scope="module")
def file(theirs: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its weights in a file."""
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(theirs.state_dict(), path)
    return path


def test_it_is_torch_fidelity_on_levels_of_three_channels(
    make_images: Callable, theirs: Fresh, file: Path, tmp_path: Path
) -> None:
    data = make_images(count=8)
    extractor = Inception(data.manifest, weights=str(file))
    assert extractor.fit(data, tmp_path) == {}
    found = extract(extractor, data.held_out, "test")
    assert found.shape == (len(data.held_out), 2048)
    levels = np.round(data.held_out.astype(np.float64) * 255 / 16).astype(np.uint8)
    gray = torch.from_numpy(np.repeat(levels, 3, axis=1))
    with torch.inference_mode():
        np.testing.assert_allclose(found, theirs(gray)[0].numpy(), rtol=1e-4, atol=1e-5)


def test_classes_are_those_of_the_score(
    make_images: Callable, file: Path, tmp_path: Path
) -> None:
    """From features what torch-fidelity takes from the picture, without the bias."""
    data = make_images(count=8)
    extractor = Inception(data.manifest, weights=str(file))
    extractor.fit(data, tmp_path)
    features = np.load(_saved(tmp_path, extract(extractor, data.train, "test")), "r")
    theirs = FeatureExtractorInceptionV3(
        "inception", ["logits_unbiased"], feature_extractor_weights_path=str(file)
    )
    levels = torch.round(torch.tensor(data.train) * 255 / 16).to(torch.uint8)
    with torch.inference_mode():
        expected = theirs(levels.expand(-1, 3, -1, -1))[0].numpy()
    found = extractor.class_logits(features)
    assert found.shape == (len(data.train), 1008)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def _saved(folder: Path, array: np.ndarray) -> Path:
    """A file, which gives read-only rows when it is mapped."""
    np.save(folder / "features.npy", array)
    return folder / "features.npy"


@pytest.mark.parametrize("value_range", [(0, 16), (0, 255), (3, 8)])
def test_levels_span_the_byte(make_images: Callable, value_range: tuple[int, int]) -> None:
    low, high = value_range
    manifest = replace(make_images().manifest, value_range=value_range, shape=(1, 1, 2))
    extractor, seen = Inception(manifest, weights=None), []
    extractor.net.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    extractor(torch.tensor([[[[low, high]]], [[[low + 1, high - 1]]]], dtype=torch.uint8))
    step = round(255 / (high - low))
    expected = torch.tensor([[0, 255], [step, 255 - step]], dtype=torch.uint8)
    assert torch.equal(seen[0], expected[:, None, None].expand(2, 3, 1, 2))


def test_colours_go_in_as_they_are(
    make_images: Callable, theirs: Fresh, file: Path, tmp_path: Path
) -> None:
    data = make_images(count=8)
    manifest = replace(data.manifest, shape=(3, 8, 8), value_range=(0, 255))
    extractor = Inception(manifest, weights=str(file))
    extractor.fit(data, tmp_path)
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(extractor(images), theirs(images)[0])


def test_save_and_load_keep_the_file(
    make_images: Callable, file: Path, tmp_path: Path
) -> None:
    data = make_images(count=8)
    extractor = Inception(data.manifest, weights=str(file))
    extractor.fit(data, tmp_path)
    extractor.save(tmp_path / "extractor.pt")
    assert (tmp_path / "extractor.pt").read_bytes() == file.read_bytes()
    other = Inception(data.manifest, weights=None)
    other.load(tmp_path / "extractor.pt")
    assert other.digest == extractor.digest == hashlib.sha256(file.read_bytes()).hexdigest()
    images = torch.tensor(data.held_out[:1])
    with torch.inference_mode():
        assert torch.equal(other(images), extractor(images))
    with pytest.raises(UserError, match=r"nowhere\.pt is missing"):
        other.load(tmp_path / "nowhere.pt")


def test_only_the_standard_weights_make_it_fid(
    make_images: Callable, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_images(count=8)
    extractor = Inception(data.manifest, weights=str(file))
    extractor.fit(data, tmp_path)
    assert inception_weights.STANDARD == "6726825d"
    assert inception_weights.URL_INCEPTION_V3 == URL_INCEPTION_V3
    assert not extractor.is_standard_inception
    monkeypatch.setattr(inception_weights, "STANDARD", extractor.digest[:8])
    assert extractor.is_standard_inception


def test_two_channels(make_images: Callable) -> None:
    manifest = make_images(shape=(2, 8, 8)).manifest
    with pytest.raises(UserError, match=r"1 or 3 channels.*has 2.*features=random_conv"):
        Inception(manifest, weights=None)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (os.mkdir, (str(self.path),))


def test_a_strangers_file_runs_nothing(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=8)
    mark = tmp_path / "mark"
    torch.save({"fc.bias": Trap(mark)}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match=r"evil\.pth is no readable file of weights"):
        Inception(data.manifest, weights="evil.pth").fit(data, tmp_path)
    assert not mark.exists()


def test_the_weights_of_something_else(make_images: Callable, tmp_path: Path) -> None:
    data = make_images(count=8)
    torch.save({"weight": torch.ones(2)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth does not hold .* InceptionV3"):
        Inception(data.manifest, weights="other.pth").fit(data, tmp_path)
