"""Drafts of killed processes go, those of living ones stay; a full disk is one line."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.common import drafts
from snowmelt.common.array_files import create_rows, save_array, write_arrays, write_rows
from snowmelt.common.csv_table import write_csv
from snowmelt.common.drafts import PREFIX, scratch_folder
from snowmelt.common.errors import StorageError, left_out_if_it_fails
from snowmelt.common.files import new_directory, new_file, write_json

FORK = multiprocessing.get_context("fork")


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def hang(target: Path, holds: Any) -> None:
    make = new_file if target.suffix else new_directory
    with make(target) as draft:
        (draft if target.suffix else draft / "a").write_text("half")
        holds.set()
        time.sleep(60)


@pytest.mark.parametrize("name", ["out", "out.txt"])
def test_what_a_killed_process_left_goes_with_the_next_draft(
    tmp_path: Path, name: str
) -> None:
    holds = FORK.Event()
    process = FORK.Process(target=hang, args=(tmp_path / name, holds))
    process.start()
    assert holds.wait(30)
    (alive,) = left(tmp_path)
    assert alive.startswith(PREFIX)
    write_json(tmp_path / "other.json", 1)
    assert left(tmp_path) == [alive, "other.json"]  # it lives, and is left alone
    process.kill()
    process.join()
    assert left(tmp_path) == [alive, "other.json"]
    write_json(tmp_path / "other.json", 2)
    assert left(tmp_path) == ["other.json"]


def test_where_nothing_can_be_locked_age_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(fcntl, "flock", refuse)
    old, new = (tmp_path / f"{PREFIX}{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    write_json(tmp_path / "a.json", 1)
    assert left(tmp_path) == [new.name, "a.json"]


def test_a_temporary_folder_of_a_killed_process_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / f"{PREFIX}dead").mkdir()
    with scratch_folder() as folder:
        (folder / "a").touch()
        assert len(left(tmp_path)) == 1
    assert left(tmp_path) == []


def test_git_never_shows_a_draft(tmp_path: Path) -> None:
    rules = (Path(__file__).parents[2] / ".gitignore").read_text().splitlines()
    assert f"{PREFIX}*/" in rules
    assert ".*.lock" in rules


def test_the_folder_before_comes_back_if_the_last_step_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    with new_directory(target) as draft:
        (draft / "a").write_text("old")

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt), new_directory(target):
        pass
    assert (target / "a").read_text() == "old"
    assert left(tmp_path) == ["out"]


# --- what the place is to blame for -------------------------------------------------------


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may be larger than 64 KiB: the kernel refuses, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def into_folder(write: Callable[[Path], None]) -> Callable[[Path], None]:
    def whole(target: Path) -> None:
        with new_directory(target) as draft:
            write(draft / "a.npy")

    return whole


def rows(path: Path) -> None:
    create_rows(path, "uint8", (1000, 3, 8, 8))
    write_rows(path, 0, np.zeros((1000, 3, 8, 8), np.uint8))


LARGE = np.random.default_rng(0).normal(size=(100, 100))
WRITERS: dict[str, Callable[[Path], None]] = {
    "json": lambda target: write_json(target, ["many words"] * 10_000),
    "csv": lambda target: write_csv(target, [{"a": 1.5}] * 30_000),
    "npz": lambda target: write_arrays(target, {"a": LARGE}),
    "npy": into_folder(lambda path: save_array(path, LARGE)),
    "rows": into_folder(rows),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_one_line_and_keeps_what_was_there(
    tmp_path: Path, small_files: None, kind: str
) -> None:
    target = tmp_path / "out"
    if kind in ("npy", "rows"):
        target.mkdir()
        (target / "old").write_text("old")
    else:
        target.write_text("old")
    before = target.stat().st_mtime_ns
    with pytest.raises(StorageError) as refused:
        WRITERS[kind](target)
    said = str(refused.value)
    assert said.startswith(f"{target} cannot be written: File too large (")
    assert f"MB free in {tmp_path}): raise the limit" in said
    assert "\n" not in said
    assert left(tmp_path) == ["out"]
    assert target.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "make room there"),
        (errno.EDQUOT, "make room there"),
        (errno.EROFS, "name a folder that can be written"),
        (errno.EACCES, "name a folder that you may write"),
        (errno.EIO, "the disk or the network fails"),
    ],
)
def test_every_fault_of_a_place_has_its_cure(
    tmp_path: Path, number: int, cure: str
) -> None:
    with (
        pytest.raises(StorageError, match=rf"a\.txt cannot be written: .*: {cure}"),
        new_file(tmp_path / "deep" / "a.txt"),
    ):
        raise OSError(number, os.strerror(number))
    assert left(tmp_path) == []


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    (tmp_path / "file").touch()
    cures = {
        "x" * 300: "choose a shorter name",
        "folder": "a folder of that name is there",
        "file/a": "",
    }
    for name, cure in cures.items():
        with pytest.raises(StorageError, match=f"cannot be written: .*{cure}"):
            write_json(tmp_path / name, 1)
    assert left(tmp_path) == ["file", "folder"]


def test_a_library_that_hides_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        with new_file(tmp_path / "a.png"):
            raise OSError("encoder error -2 when writing image file")

    with pytest.raises(OSError, match="encoder error"):
        fail()
    monkeypatch.setattr(drafts, "_free", lambda folder: 1000)
    with pytest.raises(StorageError, match="No space left on device"):
        fail()


def test_a_draft_within_a_draft_is_named_by_its_place(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError) as refused,
        new_directory(tmp_path / "out") as draft,
        new_file(draft / "a.json"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    said = str(refused.value)
    assert said.startswith(f"{tmp_path / 'out' / 'a.json'} cannot be written")
    assert PREFIX not in said


def test_a_fault_elsewhere_is_not_blamed_on_the_target(tmp_path: Path) -> None:
    with pytest.raises(PermissionError) as refused, new_file(tmp_path / "a" / "b"):
        raise PermissionError(errno.EACCES, "no", "/elsewhere/c")
    assert refused.value.filename == "/elsewhere/c"


def test_a_full_disk_is_no_missing_picture() -> None:
    with pytest.raises(StorageError), left_out_if_it_fails("paths"):
        raise StorageError("full")


def test_rows_are_the_bytes_of_an_array(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    np.save(tmp_path / "a.npy", array)
    create_rows(tmp_path / "b.npy", "float32", (4, 3, 2))
    write_rows(tmp_path / "b.npy", 2, array[2:])
    write_rows(tmp_path / "b.npy", 0, array[:2])
    save_array(tmp_path / "c.npy", array)
    for name in ("b.npy", "c.npy"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "a.npy").read_bytes()
    save_array(tmp_path / "empty.npy", array[:0])
    assert np.load(tmp_path / "empty.npy").shape == (0, 3, 2)


FULL = """
import sys
from pathlib import Path
from snowmelt.common.array_files import create_rows
from snowmelt.common.errors import StorageError
from snowmelt.common.files import new_directory
try:
    with new_directory(Path(sys.argv[1])) as draft:
        create_rows(draft / "images.npy", "uint8", (1 << 20, 8))
except StorageError as error:
    sys.exit(str(error))
"""


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.getuid() or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        command = [sys.executable, "-c", FULL, str(tmp_path / "out")]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 1  # and no SIGBUS
        assert "out cannot be written: No space left on device (1.0 MB" in done.stderr
        assert done.stderr.strip().endswith("make room there, or name another folder")
        assert left(tmp_path) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
