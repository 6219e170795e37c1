"""What becomes of an image that is no square."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snowmelt.data.image_file import UnreadableImageError, read_picture
from snowmelt.data.image_square import FITS, Fit

SIDES = {"wide": (6, 12), "high": (12, 6)}  # height, width


def halves(shape: tuple[int, int]) -> np.ndarray:
    """Dark to one end of the longer side, 100 to the other."""
    pixels = np.zeros(shape, np.uint8)
    height, width = shape
    if height > width:
        pixels[height // 2 :] = 100
    else:
        pixels[:, width // 2 :] = 100
    return pixels


def read(path: Path, pixels: np.ndarray, fit: Fit, size: int = 12) -> np.ndarray:
    Image.fromarray(pixels).save(path / "a.png")
    return read_picture(path / "a.png", size=size, channels=1, fit=fit)[0][0]


@pytest.mark.parametrize("name", SIDES)
def test_all_of_it_stands_in_the_middle_of_white(tmp_path: Path, name: str) -> None:
    pixels = halves(SIDES[name])
    found = read(tmp_path, pixels, "pad")
    found, pixels = (found, pixels) if name == "wide" else (found.T, pixels.T)
    assert np.array_equal(found[3:9], pixels), "nothing is cut off, moved or resized"
    assert np.unique(found[[0, 1, 2, 9, 10, 11]]).tolist() == [255]


def test_it_is_made_smaller_with_its_proportions(tmp_path: Path) -> None:
    found = read(tmp_path, np.full((50, 100), 40, np.uint8), "pad", size=8)
    assert (found == 40).sum(axis=0).tolist() == [4] * 8
    assert (found == 40).sum(axis=1).tolist() == [0, 0, 8, 8, 8, 8, 0, 0]


def test_a_line_of_pixels_does_not_vanish(tmp_path: Path) -> None:
    found = read(tmp_path, np.full((1, 100), 40, np.uint8), "pad", size=8)
    assert (found == 40).sum() == 8


@pytest.mark.parametrize("name", SIDES)
def test_it_is_squeezed_into_the_square(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, halves(SIDES[name]), "stretch", size=6)
    found = found if name == "wide" else found.T
    assert found[:, :2].max() < 10
    assert found[:, 4:].min() > 90


@pytest.mark.parametrize("fit", FITS)
def test_a_square_is_the_same_in_all(tmp_path: Path, fit: Fit) -> None:
    pixels = np.arange(144, dtype=np.uint8).reshape(12, 12)
    assert np.array_equal(
        read(tmp_path, pixels, fit, size=5), read(tmp_path, pixels, "crop", size=5)
    )


def test_white_is_the_end_of_the_range(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 8), 3, np.uint8)).save(tmp_path / "a.png")
    found, _ = read_picture(
        tmp_path / "a.png", size=8, channels=3, value_range=(0, 16), fit="pad"
    )
    assert np.unique(found).tolist() == [3, 16]


def test_what_is_cut_off_is_not_looked_at_and_what_is_used_is(tmp_path: Path) -> None:
    pixels = np.full((4, 8), 3, np.uint8)
    pixels[0, 0] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    given = {"size": 4, "channels": 1, "value_range": (0, 16)}
    assert read_picture(tmp_path / "a.png", fit="crop", **given)[0].max() == 3
    with pytest.raises(UnreadableImageError):
        read_picture(tmp_path / "a.png", fit="pad", **given)


@pytest.mark.parametrize(("fit", "size", "is_enlarged"), [
    ("crop", 5, True), ("crop", 4, False), ("pad", 8, False), ("pad", 9, True),
    ("stretch", 5, True), ("stretch", 4, False),
])  # fmt: skip
def test_what_is_enlarged_is_told(
    tmp_path: Path, fit: Fit, size: int, is_enlarged: bool
) -> None:
    Image.fromarray(np.zeros((4, 8), np.uint8)).save(tmp_path / "a.png")
    facts = read_picture(tmp_path / "a.png", size=size, channels=1, fit=fit)[1]
    assert facts.is_enlarged == is_enlarged
