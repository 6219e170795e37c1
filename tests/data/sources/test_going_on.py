"""A prepare that was stopped is gone on with: the same rows, and no image decoded twice."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.data.sources.stopped_prepare import (
    files,
    folder,
    interrupt,
    place,
    prepared,
    told,
)

from snowmelt.data.sources import decoding, decoding_group
from snowmelt.data.sources.kept_rows import keeping

pytestmark = pytest.mark.usefixtures("few_are_many")
COUNT = 22 + 1


def test_only_the_rest_is_decoded_and_the_rows_are_the_same(
    raw: Path, decoded: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    whole = told(folder(raw).read())
    assert interrupt(raw, 3) == "after 12 of 23 images, which are kept"
    decoded.clear()
    capfd.readouterr()
    assert prepared(raw) == whole
    assert len(whole[2]) == 1
    assert any("14" in note for note in whole[3]), "the film is told of"
    # The one that could not be read was looked at again, as were those after it.
    assert decoded == ["09.png", *sorted(os.listdir(raw))[12:]]
    assert "going on: 12 of 23 images were read before" in capfd.readouterr().out
    assert not place(raw).exists()


@pytest.mark.parametrize("processes", [2, 3])
def test_the_number_of_processes_does_not_matter(
    processes: int, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("01.png", "05.png"):
        (raw / name).write_bytes(b"damaged")
    whole = told(folder(raw).read())
    interrupt(raw, 2)
    _, journal = files(raw)
    journal.write_bytes(
        b"".join(journal.read_bytes().splitlines(True)[2:])
    )  # not the first
    monkeypatch.setattr(decoding_group, "FEW", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(processes))
    assert interrupt(raw, 2) == "after 12 of 23 images, which are kept"
    assert prepared(raw) == whole


def test_an_image_that_changed_is_decoded_again_and_its_neighbours(
    raw: Path, decoded: list[str]
) -> None:
    interrupt(raw, 5)
    path = raw / "05.png"
    before = path.stat()
    Image.new("RGB", (5, 4), (9, 8, 7)).save(path)
    with path.open("ab") as file:
        file.write(bytes(before.st_size - path.stat().st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    decoded.clear()
    found = prepared(raw)
    assert decoded[:4] == [f"{number:02}.png" for number in range(4, 8)]
    assert len(decoded) == 4 + 1 + 3
    assert found == told(folder(raw).read())


@pytest.mark.parametrize("change", ["add", "remove"])
def test_what_comes_after_another_number_of_images_is_decoded_again(
    change: str, raw: Path, decoded: list[str]
) -> None:
    interrupt(raw, 4)
    if change == "add":
        shutil.copy(raw / "00.png", raw / "055.png")
    else:
        (raw / "06.png").unlink()
    decoded.clear()
    found = prepared(raw)
    assert decoded[0] == "04.png"
    assert found == told(folder(raw).read())


def test_an_image_that_can_be_read_now_is_not_left_out(
    raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is the same; the disk failed for a moment."""
    whole, read = told(folder(raw).read()), decoding.read_picture

    def failing(path: Any, **given: Any) -> Any:
        if Path(path).name == "02.png":
            raise decoding.UnreadableImageError("Input/output error")
        return read(path, **given)

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "read_picture", failing)
        interrupt(raw, 3)
    assert prepared(raw) == whole


def test_a_full_disk_at_the_end_costs_no_decoding(
    raw: Path, decoded: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    whole = told(folder(raw).read())

    def disk_is_full() -> None:
        with keeping(place(raw)) as kept:
            folder(raw, kept).read()
            raise OSError(errno.ENOSPC, "No space")

    with pytest.raises(OSError, match="No space"):
        disk_is_full()
    said = "prepare: 23 of 23 images are read and kept: the next one goes on from there\n"
    assert capfd.readouterr().err.endswith(said)
    decoded.clear()
    assert prepared(raw) == whole
    assert decoded == ["09.png"]


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_an_archive_that_changed_is_read_anew(
    kind: str, raw: Path, decoded: list[str]
) -> None:
    (raw / os.fsdecode(b"14\xff.gif")).rename(raw / "14x.gif")
    path = Path(shutil.make_archive(str(raw.parent / "a"), kind, raw))
    whole = told(folder(path).read())
    interrupt(path, 3)
    decoded.clear()
    assert interrupt(path, 1) == "after 16 of 23 images, which are kept"
    assert decoded[0] == "09.png"
    assert prepared(path) == whole
    interrupt(path, 3)
    os.utime(path)
    decoded.clear()
    assert prepared(path) == whole
    assert len(decoded) == COUNT
