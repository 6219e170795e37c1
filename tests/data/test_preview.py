"""The picture of prepared data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snowmelt.data.manifest import Manifest
from snowmelt.data.preview import draw, grid

ManifestOf = Callable[..., Manifest]


@pytest.mark.parametrize("channels", [1, 3])
def test_each_pixel_becomes_a_block(channels: int) -> None:
    images = np.random.default_rng(0).random((9, channels, 4, 2))
    sheet = np.asarray(grid(images)).reshape(2 * 66 + 2, 8 * 34 + 2, channels)
    levels = np.rint(255 * images).transpose(0, 2, 3, 1)
    for index in (0, 7, 8):
        row, column = divmod(index, 8)
        cell = sheet[2 + 66 * row :, 2 + 34 * column :][:64, :32]
        assert np.array_equal(cell[8::16, 8::16], levels[index])
        assert np.array_equal(cell[::16, ::16], cell[15::16, 15::16])


def test_the_whole_range_is_shown(tmp_path: Path, manifest_of: ManifestOf) -> None:
    images = np.zeros((4, 1, 2, 2), np.uint8)
    images[:, :, 0] = 16
    draw(tmp_path / "p.png", images, manifest_of(value_range=(0, 16)))
    assert {0, 255} <= set(np.unique(np.asarray(Image.open(tmp_path / "p.png"))))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_points_are_drawn_the_same_each_time(
    tmp_path: Path, manifest_of: ManifestOf, dimension: int
) -> None:
    points = np.random.default_rng(0).normal(size=(50, dimension)).astype(np.float32)
    manifest = manifest_of(kind="points", shape=(dimension,), value_range=None)
    for name in ("first.png", "second.png"):
        draw(tmp_path / name, points, manifest)
    first, second = (tmp_path / n for n in ("first.png", "second.png"))
    assert first.read_bytes() == second.read_bytes()
    assert len(np.unique(np.asarray(Image.open(first)))) > 10
