"""Drawing that was stopped goes on, loses a batch at most, and ends in the same bytes."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.sampling.stopped_sample import (
    ALL_FILES,
    COUNT,
    SIZE,
    asked,
    content,
    drawn,
    interrupt,
    place,
)

from snowmelt.common import kept_places
from snowmelt.common.drafts import faults_of
from snowmelt.common.errors import StorageError, UserError
from snowmelt.common.folder_lock import only_one_in, try_lock
from snowmelt.sampling import picture_arrays
from snowmelt.sampling.storage import drawn_rows, kept_samples, sample_places
from snowmelt.sampling.storage.sample_places import forget

Written = list[tuple[int, int]]
THREE = 3 * SIZE


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, bytes]:
    """What nobody disturbed."""
    found = drawn(tmp_path / "whole")
    assert set(found) == ALL_FILES
    assert not (tmp_path / "whole" / "kept").exists(), "nothing is left behind"
    return found


def test_it_goes_on_and_says_so(
    tmp_path: Path,
    whole: dict[str, bytes],
    written: Written,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written.clear()
    assert interrupt(tmp_path, 3) == "after 24 of 50 samples, which are kept"
    assert not (tmp_path / "out").exists()
    assert written == [(0, 8), (8, 8), (16, 8), (24, 8)]
    written.clear()
    assert drawn(tmp_path) == whole
    assert written == [(24, 8), (32, 8), (40, 8), (48, 2)]
    said = capsys.readouterr().out
    assert "sample: going on: 24 of 50 samples were drawn before\n" in said
    assert "26 of 50 samples in " in said
    assert not (tmp_path / "kept").exists()


def test_it_goes_on_again_and_in_other_batches(
    tmp_path: Path, whole: dict[str, bytes], written: Written
) -> None:
    interrupt(tmp_path, 2)
    assert interrupt(tmp_path, 1, size=5) == "after 21 of 50 samples, which are kept"
    written.clear()
    assert drawn(tmp_path, size=100) == whole
    assert written == [(21, 29)]


def test_what_is_stopped_before_the_first_batch_says_nothing(tmp_path: Path) -> None:
    assert interrupt(tmp_path, 0) == ""
    assert drawn(tmp_path, kept=None) == drawn(tmp_path)


def flip(path: Path, at: int) -> None:
    found = bytearray(path.read_bytes())
    found[at] ^= 1
    path.write_bytes(found)


DAMAGES: dict[str, tuple[int, Callable[[Path, Path], object]]] = {
    "a torn line": (16, lambda rows, lines: os.truncate(lines, lines.stat().st_size - 9)),
    "no text": (0, lambda rows, lines: lines.write_bytes(bytes(range(256)))),
    "no journal": (0, lambda rows, lines: lines.unlink()),
    "no array": (0, lambda rows, lines: rows.unlink()),
    "zeros": (0, lambda rows, lines: rows.write_bytes(bytes(rows.stat().st_size))),
    "cut short": (8, lambda rows, lines: os.truncate(rows, 128 + 12 * 16)),
    "too long": (24, lambda rows, lines: rows.write_bytes(rows.read_bytes() * 2)),
    "a flipped bit": (16, lambda rows, lines: flip(rows, 128 + 10 * 16)),
    "another heading": (24, lambda rows, lines: flip(rows, 3)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_drawn_again(
    damage: str,
    tmp_path: Path,
    whole: dict[str, bytes],
    written: Written,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupt(tmp_path, 3)
    intact, harm = DAMAGES[damage]
    harm(place(tmp_path) / "samples.npy", place(tmp_path) / "journal-0.jsonl")
    written.clear()
    capsys.readouterr()
    assert drawn(tmp_path) == whole
    assert sum(count for _, count in written) == COUNT - intact
    said = capsys.readouterr().out
    is_lost = damage in ("no array", "zeros", "cut short", "a flipped bit")
    assert f"{intact} of 50 samples were drawn before" in said or not (intact or is_lost)
    lost = f"; {THREE - intact} are not as they were written, and are drawn again"
    assert (lost in said) == is_lost


def test_another_request_begins_anew(
    tmp_path: Path, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_places, "OTHERS", 99)
    interrupt(tmp_path, 3)
    request = asked().request
    changes: list[dict[str, Any]] = [
        {"seed": 1},
        {"num_samples": 51},
        {"weights": "raw"},
        {"precision": "bf16-mixed"},
        {"compile": True},
        {"checkpoint_digest": "another"},
        {"settings": {"sampler": {"steps": 7}, "guidance": {}}},
    ]
    for change in changes:
        written.clear()
        interrupt(tmp_path, 1, replace(asked(), request=replace(request, **change)))
        assert written[0] == (0, 8), change
    monkeypatch.setattr(sample_places, "code_digest", lambda _: "other code")
    written.clear()
    interrupt(tmp_path, 1)
    assert written[0] == (0, 8)


def test_what_is_kept_of_other_requests_is_bounded(tmp_path: Path) -> None:
    for count in (40, 41, 42, 43):
        interrupt(tmp_path, 1, asked(count=count))
    assert len(list((tmp_path / "kept").iterdir())) == 1 + kept_places.OTHERS
    drawn(tmp_path, asked(count=44))
    kept = sorted((tmp_path / "kept").iterdir())
    assert len(kept) == kept_places.OTHERS, "one that has finished takes nothing along"


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS, errno.ENOLCK])
def test_where_nothing_can_be_kept_it_draws_all_the_same(
    fault: int,
    tmp_path: Path,
    whole: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def failing(*_: object) -> None:
        raise OSError(fault, os.strerror(fault))

    module, name = (kept_samples, "intact")
    if fault == errno.ENOLCK:
        monkeypatch.setattr(kept_places, "try_lock", failing)
    else:
        monkeypatch.setattr(module, name, failing)
    assert drawn(tmp_path) == whole
    said = f"sample: if it is stopped, the next one begins anew: {os.strerror(fault)}\n"
    assert said in capfd.readouterr().err
    assert not (tmp_path / "kept").exists()
    assert interrupt(tmp_path, 3) == "", "nothing is kept, and nothing is promised"


def test_a_second_one_does_without(
    tmp_path: Path, whole: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    interrupt(tmp_path, 3)
    with only_one_in(place(tmp_path), "snowmelt sample", otherwise="wait"):
        assert drawn(tmp_path) == whole
    assert "begins anew: " in (said := capfd.readouterr().err)
    assert "another process works there (process " in said
    assert place(tmp_path).exists()


def test_it_waits_for_what_a_killed_one_still_writes(
    tmp_path: Path,
    whole: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(kept_places, "PATIENCE", 5.0)
    interrupt(tmp_path, 3)
    writers = place(tmp_path) / "writers"
    with writers.open("rb") as writing:
        assert try_lock(writing.fileno())
        release = threading.Timer(0.1, writing.close)
        release.start()
        assert interrupt(tmp_path, 1) == "after 32 of 50 samples, which are kept"
        release.join()
    monkeypatch.setattr(kept_places, "PATIENCE", 0.2)
    with writers.open("rb") as writing:
        assert try_lock(writing.fileno())
        assert drawn(tmp_path) == whole
    assert "a process of an earlier sample still writes" in capfd.readouterr().err


def test_a_full_disk_costs_a_batch_and_is_one_line(
    tmp_path: Path,
    whole: dict[str, bytes],
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Of a file system that takes no room in advance."""
    pwrite, room = os.pwrite, [3]

    def full(descriptor: int, rows: Any, at: int) -> int:
        if at >= 128:  # behind the heading
            room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, rows, at)

    with monkeypatch.context() as patch:
        patch.setattr(drawn_rows.os, "pwrite", full)
        with pytest.raises(StorageError, match=r"samples\.npy cannot be written: No space"):
            drawn(tmp_path)
    kept = "sample: 24 of 50 samples are drawn and kept: the next one goes on from there"
    assert kept in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
    written.clear()
    assert drawn(tmp_path) == whole
    assert written[0] == (24, 8)


def test_what_fails_behind_the_samples_does_not_cost_them(
    tmp_path: Path,
    whole: dict[str, bytes],
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: object) -> None:
        raise UserError("no")

    with monkeypatch.context() as patch:
        patch.setattr(picture_arrays, "save", failing)
        with pytest.raises(UserError, match="no"):
            drawn(tmp_path)
    written.clear()
    assert drawn(tmp_path) == whole
    assert written == []


def test_under_dvc_they_are_kept_until_the_next_stage_has_found_them(
    tmp_path: Path,
    whole: dict[str, bytes],
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DVC_STAGE", "sample")
    drawn(tmp_path)
    out = tmp_path / "out"
    for path in out.iterdir():
        path.unlink()  # as DVC does when it is killed before it has noted them
    written.clear()
    assert drawn(tmp_path) == whole
    assert written == []
    identity = json.loads((out / "samples.json").read_text())["identity"]
    for other in ("f" * 64, "", "*", "/", ".."):
        forget(tmp_path / "kept", other)
        assert place(tmp_path).exists()
    forget(tmp_path / "kept", identity)
    assert not (tmp_path / "kept").exists()
    assert content(out) == whole


def test_what_is_drawn_again_does_not_reach_what_is_in_place(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file has two names where the file system can do that."""
    monkeypatch.setenv("DVC_STAGE", "sample")
    drawn(tmp_path)
    (tmp_path / "out").rename(tmp_path / "cache")
    array = tmp_path / "cache" / "samples.npy"
    assert array.stat().st_nlink == 2
    journal = place(tmp_path) / "journal-0.jsonl"
    journal.write_bytes(b"")
    os.chmod(array, 0o444)
    inode = array.stat().st_ino
    assert drawn(tmp_path) == whole
    assert array.stat().st_ino == inode
    assert array.stat().st_nlink == 1
    assert (tmp_path / "out" / "samples.npy").stat().st_ino != inode


def test_without_links_it_is_copied(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kept_samples.os, "link", failing)
    assert drawn(tmp_path) == whole
    target = tmp_path / "out" / "full.npy"
    target.symlink_to("/dev/full")
    monkeypatch.setattr(os, "sendfile", full)
    said = r"full\.npy cannot be written: No space"
    with pytest.raises(StorageError, match=said), faults_of(target):
        kept_samples.put(tmp_path / "whole" / "out" / "samples.npy", target)
