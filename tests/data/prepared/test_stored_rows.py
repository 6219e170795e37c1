"""Rows that are written a few at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snowmelt.data.prepared import stored_rows
from snowmelt.data.prepared.image_rows import ImageRows
from snowmelt.data.prepared.stored_rows import leaked, store


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_in_order_with_their_levels(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_rows, "_CHUNK", chunk)
    images = np.random.default_rng(0).integers(3, 90, (7, 1, 2, 2), dtype=np.uint8)
    order = np.array([4, 2, 6, 0, 1])
    said = store(tmp_path / "a.npy", images, order)
    assert np.array_equal(np.load(tmp_path / "a.npy"), images[order])
    kept = np.unique(images[order])
    wanted = {"least": kept[0], "greatest": kept[-1], "distinct": len(kept)}
    assert said.levels == wanted


def test_points_have_no_levels(tmp_path: Path) -> None:
    points = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert store(tmp_path / "a.npy", points, np.arange(4)).levels is None


@pytest.mark.parametrize("chunk", [1, 100])
def test_copies_across_the_splits_are_counted(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_rows, "_CHUNK", chunk)
    images = np.array([0, 1, 2, 1, 1, 3], dtype=np.uint8).reshape(-1, 1, 1, 1)
    order = np.array([0, 2, 1, 3, 5, 4])
    prints = store(tmp_path / "a.npy", images, order).fingerprints
    assert leaked(prints, images, order, 3) == 2


def test_equal_fingerprints_of_other_examples_are_no_copies() -> None:
    images = np.array([0, 1, 2, 3], dtype=np.uint8).reshape(-1, 1, 1, 1)
    prints = np.zeros(4, np.uint64)
    assert leaked(prints, images, np.arange(4), 2) == 0


COLOURS = np.random.default_rng(0).integers(0, 256, (5, 3, 2, 4), dtype=np.uint8)


def test_picked_rows_are_those_of_the_array() -> None:
    rows = ImageRows.of(COLOURS).picked(np.array([4, 1, 3])).picked(np.array([2, 0]))
    assert (rows.shape, rows.ndim, len(rows)) == ((2, 3, 2, 4), 4, 2)
    assert np.array_equal(rows[:], COLOURS[[3, 4]])
    assert np.array_equal(rows[np.array([1])], COLOURS[[4]])


def test_grey_is_pillows() -> None:
    from PIL import Image

    grey = ImageRows.of(COLOURS).shaped((1, 2, 4), margin=0)[:]
    for mine, colours in zip(grey, COLOURS, strict=True):
        image = Image.fromarray(np.ascontiguousarray(colours.transpose(1, 2, 0)))
        assert np.array_equal(mine[0], np.asarray(image.convert("L")))


def test_a_margin_has_the_lowest_level_and_the_image_in_its_middle() -> None:
    wide = ImageRows.of(COLOURS).shaped((3, 7, 6), margin=9)[:]
    assert np.array_equal(wide[:, :, 2:4, 1:5], COLOURS)
    wide[:, :, 2:4, 1:5] = 9
    assert (wide == 9).all()
