"""Which files are images, and what is said of the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.sources.image_listing import Listing, image_files
from snowmelt.data.sources.printable import printable

SaveImage = Callable[..., np.ndarray]


def named(listing: Listing) -> tuple[str, ...]:
    return tuple(entry.name for entry in listing.images)


def test_every_kind_of_image_is_found(tmp_path: Path, save_image: SaveImage) -> None:
    names = ["a.JPG", "b.jfif", "c.tif", "d.tiff", "e.avif", "f.webp", "g.ppm", "h.gif"]
    for name in names:
        save_image(tmp_path / name)
    assert named(image_files(tmp_path)) == tuple(names)
    assert image_files(tmp_path).notes == ()


def test_others_are_counted_by_ending(tmp_path: Path, save_image: SaveImage) -> None:
    save_image(tmp_path / "a.png")
    for name in ("1.txt", "2.TXT", "3.mp4", "README", ".hidden", "a/.git/b.txt", "x.n@me"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("no image")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    found = image_files(tmp_path)
    assert named(found) == ("a.png",)
    assert found.notes == (
        "left out: 2 .txt, 2 hidden, 1 .mp4, 1 device, 1 named pipe, 1 other, 1 without an"
        " ending",
    )


def test_a_long_list_is_cut(tmp_path: Path, save_image: SaveImage) -> None:
    save_image(tmp_path / "a.png")
    for number in range(15):
        (tmp_path / f"a.n{number:02}").touch()
    (note,) = image_files(tmp_path).notes
    assert note.endswith("1 .n09, and 5 more")


def test_images_by_content_are_said(tmp_path: Path, save_image: SaveImage) -> None:
    for number, name in enumerate(("scan", "b.bak", "c.bak", "d.png")):
        save_image(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.png").rename(tmp_path / name)
    found = image_files(tmp_path)
    assert named(found) == ("b.bak", "c.bak", "d.png", "scan")
    assert found.notes == (
        "images by their content, not their name: 2 .bak, 1 without an ending",
    )


def test_linked_folders_are_read_once_and_said(
    tmp_path: Path, save_image: SaveImage
) -> None:
    save_image(tmp_path / "here" / "b" / "1.png")
    here = tmp_path / "here"
    (here / "c").symlink_to("b")
    (here / "a").symlink_to(here / "b")
    (here / "b" / "back").symlink_to(here)
    found = image_files(here)
    assert named(found) == ("a/1.png",)
    assert found.notes == ("read once: a/back is the folder itself, b is a, c is a",)


def test_a_folder_that_cannot_be_read_is_no_empty_one(
    tmp_path: Path, save_image: SaveImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_image(tmp_path / "a" / "1.png")
    save_image(tmp_path / "b" / "1.png")
    real = os.scandir

    def scandir(path: Any) -> Iterator[Any]:
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UserError, match=r"data\.path: .*/b cannot be read \(Permission"):
        image_files(tmp_path)


def test_a_link_to_nothing_is_left_to_the_reader(
    tmp_path: Path, save_image: SaveImage
) -> None:
    save_image(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("nowhere")
    (tmp_path / "c.txt").symlink_to("nowhere")
    found = image_files(tmp_path)
    assert named(found) == ("a.png", "b.png")
    assert found.notes == ("left out: 1 .txt",)


def test_only_pipes_are_no_images(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"no images in .*there is a\.png.*: put \.jpg"):
        image_files(tmp_path)


@pytest.mark.parametrize(
    ("name", "line"),
    [("a\nb.png", "a\\nb.png"), ("\udcff", "\\udcff"), ("\x1b[1m", "\\x1b[1m"), ("é", "é")],
)
def test_names_stay_on_one_line(name: str, line: str) -> None:
    assert printable(name) == line
