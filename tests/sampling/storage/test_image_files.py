"""Samples as PNG files: their pixels are the samples, in the order of their numbers."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.sampling.stopped_sample import asked, drawn
from tests.tiny_models import images, points

from snowmelt.common.errors import UserError
from snowmelt.sampling.storage import image_files


def shown(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return {name: np.asarray(Image.open(io.BytesIO(f))) for name, f in files.items()}


@pytest.mark.parametrize("channels", [1, 3])
def test_the_pixels_are_those_of_the_samples(channels: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    samples = random.integers(0, 256, (4, channels, 3, 5)).astype(np.uint8)
    image_files.write(tmp_path / "a.zip", samples, (0, 255))
    found = shown(tmp_path / "a.zip")
    assert list(found) == ["000000.png", "000001.png", "000002.png", "000003.png"]
    for sample, image in zip(samples, found.values(), strict=True):
        expected = sample[0] if channels == 1 else sample.transpose(1, 2, 0)
        np.testing.assert_array_equal(image, expected)


def test_the_lowest_level_is_black_and_the_highest_white(tmp_path: Path) -> None:
    levels = np.arange(2, 19, dtype=np.uint8).reshape(17, 1, 1, 1)
    image_files.write(tmp_path / "a.zip", levels, (2, 18))
    values = [int(image.item()) for image in shown(tmp_path / "a.zip").values()]
    assert values == [round(255 * k / 16) for k in range(17)]


def test_they_are_written_beside_the_samples(tmp_path: Path) -> None:
    plain = drawn(tmp_path / "plain")
    for png, count in ((3, 3), ("all", 50), (99, 50)):
        files = drawn(tmp_path / str(png), png=png)
        assert files["samples.npy"] == plain["samples.npy"]
        assert len(shown(tmp_path / str(png) / "out" / "images.zip")) == count
        assert b'"images.zip": "' in files["samples.json"]
    assert "images.zip" not in plain


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (points(), "sample.png=5, but 'points' is points"),
        (replace(images(), shape=(4, 8, 8)), "images of 4 channels are neither gray nor"),
    ],
)
def test_what_has_no_png_is_refused(manifest: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        image_files.check(5, manifest)
    image_files.check(0, manifest)


def test_it_tells_that_it_moves_on(tmp_path: Path) -> None:
    marks: list[int] = []
    samples = np.zeros((3, 1, 2, 2), np.uint8)
    image_files.write(tmp_path / "a.zip", samples, (0, 16), lambda: marks.append(1))
    assert len(marks) == 3
    assert asked().manifest.kind == "images"
