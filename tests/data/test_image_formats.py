"""What begins like an image, and what only looks like one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from snowmelt.data.image_formats import begins_like_an_image, has_image_ending


@pytest.mark.parametrize("name", ["jpg", "png", "webp", "gif", "avif", "jp2", "qoi"])
def test_by_content(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / f"a.{name}")
    (tmp_path / f"a.{name}").rename(tmp_path / "a")
    assert begins_like_an_image(tmp_path / "a")


@pytest.mark.parametrize(
    "content",
    [b"", b"BMW and others", b"P3 of the plan", b"RIFF....WAVE", b"II*\0 raw", b"\0" * 9],
)
def test_no_images(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert not begins_like_an_image(tmp_path / "a")


def test_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    assert not begins_like_an_image(tmp_path / "a")
    assert not begins_like_an_image(tmp_path / "b")


def test_by_ending() -> None:
    assert all(map(has_image_ending, ["a.JPG", "b.jfif", "c.tif", "d.TIFF", "e.avif"]))
    assert not any(map(has_image_ending, ["a.txt", "jpg", "c.jpg.txt", "d.nef", "e.heic"]))
