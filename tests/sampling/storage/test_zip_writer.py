"""A zip file that other programs read, of any number of entries, and of the same bytes."""

from __future__ import annotations

import shutil
import subprocess
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from snowmelt.sampling.storage import zip_writer
from snowmelt.sampling.storage.zip_writer import ZipWriter


def written(path: Path, entries: dict[str, bytes]) -> Path:
    with ZipWriter(path) as archive:
        for name, content in entries.items():
            archive.add(name, content)
    return path


def read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


ENTRIES = {"000000.png": b"first", "é.png": b"", "000001.png": bytes(range(256)) * 9}


@pytest.mark.parametrize("large", [2**32 - 1, 40, 0])
def test_the_library_reads_it_at_every_place(
    large: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_writer, "_LARGE", large)
    assert read(written(tmp_path / "a.zip", ENTRIES)) == ENTRIES


def test_another_program_reads_it(tmp_path: Path) -> None:
    if shutil.which("unzip") is None:
        pytest.skip("there is no unzip here")
    path = written(tmp_path / "a.zip", ENTRIES)
    done = subprocess.run(["unzip", "-t", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No errors detected" in done.stdout


def test_more_entries_than_two_bytes_count(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    tracemalloc.start()
    with ZipWriter(path) as archive:
        for number in range(2**16 + 3):
            archive.add(f"{number:06}", b"%d" % number)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1_000_000, "its memory does not grow with the entries"
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 2**16 + 3
        assert archive.read("065537") == b"65537"


def test_equal_contents_give_equal_bytes(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name, ENTRIES) for name in ("1.zip", "2.zip"))
    assert one.read_bytes() == two.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.zip", "2.zip"]


def test_no_entries_are_an_empty_archive(tmp_path: Path) -> None:
    assert read(written(tmp_path / "a.zip", {})) == {}


def test_what_ends_in_an_error_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(TypeError), ZipWriter(tmp_path / "a.zip") as archive:
        archive.add("a", None)  # type: ignore[arg-type]
    assert not zipfile.is_zipfile(tmp_path / "a.zip")
