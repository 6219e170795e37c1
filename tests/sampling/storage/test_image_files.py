"""Samples as PNG files: their pixels are the samples, in the order of their numbers."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.sampling.stopped_sample import ALL_FILES, drawn

from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.sampling.storage import image_files


def packed(folder: Path) -> dict[str, list[str]]:
    """The names in each zip file of a folder."""
    found = {}
    for path in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            found[path.name] = archive.namelist()
    return found


def shown(folder: Path) -> dict[str, Any]:
    """The pixels of all PNG files."""
    files = {}
    for path in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            files |= {name: archive.read(name) for name in archive.namelist()}
    return {name: np.asarray(Image.open(io.BytesIO(f))) for name, f in files.items()}


@pytest.mark.parametrize("channels", [1, 3])
def test_the_pixels_are_those_of_the_samples(channels: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    samples = random.integers(0, 256, (4, channels, 3, 5)).astype(np.uint8)
    image_files.write(tmp_path, samples, (0, 255))
    found = shown(tmp_path)
    assert list(found) == ["000000.png", "000001.png", "000002.png", "000003.png"]
    for sample, image in zip(samples, found.values(), strict=True):
        expected = sample[0] if channels == 1 else sample.transpose(1, 2, 0)
        np.testing.assert_array_equal(image, expected)


def test_the_lowest_level_is_black_and_the_highest_white(tmp_path: Path) -> None:
    levels = np.arange(2, 19, dtype=np.uint8).reshape(17, 1, 1, 1)
    image_files.write(tmp_path, levels, (2, 18))
    values = [int(image.item()) for image in shown(tmp_path).values()]
    assert values == [round(255 * k / 16) for k in range(17)]


def test_they_are_written_beside_the_samples(tmp_path: Path) -> None:
    plain = drawn(tmp_path / "plain")
    for png, count in ((3, 3), ("all", 50), (99, 50)):
        files = drawn(tmp_path / str(png), png=png)
        assert files["samples.npy"] == plain["samples.npy"]
        assert len(shown(tmp_path / str(png) / "out")) == count
        assert b'"images-000000.zip": "' in files["samples.json"]
    assert set(plain) == ALL_FILES


def test_a_zip_file_holds_a_bounded_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = np.arange(7, dtype=np.uint8).reshape(7, 1, 1, 1)
    image_files.write(tmp_path, samples, (0, 255))
    assert len(packed(tmp_path)["images-000000.zip"]) == 7
    monkeypatch.setattr(image_files, "MOST", 3)
    image_files.write(tmp_path, samples, (0, 255))
    assert packed(tmp_path) == {
        "images-000000.zip": ["000000.png", "000001.png", "000002.png"],
        "images-000003.zip": ["000003.png", "000004.png", "000005.png"],
        "images-000006.zip": ["000006.png"],
    }
    assert [int(image.item()) for image in shown(tmp_path).values()] == list(range(7))


def test_equal_images_give_equal_bytes_at_any_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, found = np.zeros((2, 3, 4, 4), np.uint8), []
    for year in (2001, 2031):
        now = time.struct_time((year, 5, 6, 7, 8, 9, 0, 1, 0))
        monkeypatch.setattr(time, "localtime", lambda *_, now=now: now)
        image_files.write(tmp_path, samples, (0, 255))
        found.append((tmp_path / "images-000000.zip").read_bytes())
    assert found[0] == found[1]
    with zipfile.ZipFile(tmp_path / "images-000000.zip") as archive:
        entries = archive.infolist()
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.external_attr >> 16 & 0o777 for entry in entries} == {0o644}


def test_a_kill_among_the_png_files_costs_them_alone(
    tmp_path: Path, written: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = drawn(tmp_path / "whole", png="all")
    encode, left = image_files._png, [20]

    def killed(image: Any) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise stopping.Stopped
        return encode(image)

    with monkeypatch.context() as patch:
        patch.setattr(image_files, "_png", killed)
        with pytest.raises(stopping.Stopped, match="after 50 of 50 samples"):
            drawn(tmp_path, png="all")
    assert not (tmp_path / "out").exists()
    written.clear()
    assert drawn(tmp_path, png="all") == whole
    assert written == []


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((2,), "sample.png=5, but the data is points"),
        ((4, 8, 8), "images of 4 channels are neither gray nor"),
    ],
)
def test_what_has_no_png_is_refused(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        image_files.check(5, shape)
    image_files.check(0, shape)
    image_files.check("all", (3, 8, 8))


def test_it_tells_that_it_moves_on(tmp_path: Path) -> None:
    marks: list[int] = []
    samples = np.zeros((3, 1, 2, 2), np.uint8)
    image_files.write(tmp_path, samples, (0, 16), lambda: marks.append(1))
    assert len(marks) == 3
