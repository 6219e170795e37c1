"""One process at a time in a folder, whatever ended the one before."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from snowmelt.common import folder_lock
from snowmelt.common.errors import StorageError, UserError
from snowmelt.common.folder_lock import after_others_in, only_one_in

FORK = multiprocessing.get_context("fork")
CURE = "name another folder"


def take(folder: Path) -> None:
    with only_one_in(folder, "snowmelt other", otherwise=CURE):
        pass


def hold(folder: Path, holds: Any, ends: Any) -> None:
    with only_one_in(folder, "snowmelt train", otherwise=CURE):
        holds.set()
        ends.wait(60)


@pytest.fixture
def holder(tmp_path: Path) -> Any:
    """A function that lets another process hold a folder, and gives that process."""
    started = []

    def start(folder: Path) -> Any:
        holds, ends = FORK.Event(), FORK.Event()
        process = FORK.Process(target=hold, args=(folder, holds, ends))
        process.start()
        started.append(process)
        assert holds.wait(30)
        process.ends = ends
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


def test_the_second_hears_who_works_there_and_writes_nothing(
    tmp_path: Path, holder: Any
) -> None:
    folder = tmp_path / "deep" / "out"
    process = holder(folder)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError) as refused:
        take(folder)
    said = str(refused.value)
    assert said.startswith(f"{folder}: another process works there (process {process.pid} ")
    assert f"on {socket.gethostname()}, `snowmelt train`, since 20" in said
    assert said.endswith(f"end it, or {CURE}")
    assert sorted(tmp_path.rglob("*")) == before
    take(tmp_path / "deep" / "other")  # the next folder is free
    process.ends.set()
    process.join()
    take(folder)
    assert list(tmp_path.iterdir()) == []  # neither locks nor empty folders


def test_a_killed_holder_is_followed_at_once(tmp_path: Path, holder: Any) -> None:
    folder = tmp_path / "out"
    process = holder(folder)
    process.kill()
    process.join()
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]
    take(folder)
    assert list(tmp_path.iterdir()) == []


def test_other_ways_to_the_same_folder(
    tmp_path: Path, holder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real" / "out").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "real" / "out")
    holder(tmp_path / "real" / "out")
    monkeypatch.chdir(tmp_path / "real")
    for other in (Path("out"), tmp_path / "link" / "out", tmp_path / "elsewhere"):
        with pytest.raises(UserError, match="another process works there"):
            take(other)


def test_an_error_frees_it(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        only_one_in(tmp_path / "out", "snowmelt train", otherwise=CURE),
    ):
        raise KeyboardInterrupt
    take(tmp_path / "out")


def test_many_at_once_are_never_two(tmp_path: Path) -> None:
    """The file is removed and made again all the time, which must not make two locks."""
    folder, inside, done = tmp_path / "deep" / "out", [], []

    def work() -> None:
        for _ in range(60):
            try:
                with only_one_in(folder, "work", otherwise=CURE):
                    inside.append(1)
                    done.append(len(inside))
                    inside.pop()
            except UserError:
                continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(done) == {1}
    assert not list(tmp_path.rglob("*.lock"))


def test_children_that_are_started_do_not_keep_it(tmp_path: Path) -> None:
    with only_one_in(tmp_path / "out", "snowmelt train", otherwise=CURE):
        open_files = [int(name) for name in os.listdir("/proc/self/fd")]
        held = [
            number
            for number in open_files
            if os.path.realpath(f"/proc/self/fd/{number}").endswith(".out.lock")
        ]
        assert [os.get_inheritable(number) for number in held] == [False]


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with only_one_in(tmp_path / "out", "snowmelt train", otherwise=CURE):
        assert list(tmp_path.iterdir()) == []
    (said,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path} has no file locks" in said


def test_a_full_disk_locks_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(folder_lock, "_ATTEMPTS", 1)
    with (
        only_one_in(tmp_path / "out", "snowmelt train", otherwise=CURE),
        pytest.raises(UserError, match="it has not said who it is"),
    ):
        take(tmp_path / "out")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / ".out.lock").symlink_to(tmp_path / "file")
    for folder in (tmp_path / "file" / "out", tmp_path / "out"):
        with pytest.raises(UserError, match="cannot be written"):
            take(folder)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_is_there_and_takes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As /proc does; nothing is tried forever."""
    tried = []

    def refuse(file: Any, *_: Any) -> int:
        tried.append(file)
        assert len(tried) < 1000, "tries forever"
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageError, match=f"{tmp_path} cannot be written: No such file"):
        take(tmp_path / "out")


def test_who_waits_comes_after_the_others_and_hears_of_them(
    tmp_path: Path, holder: Any
) -> None:
    folder, said = tmp_path / "out", []
    process = holder(folder)
    threading.Timer(1.2, process.ends.set).start()
    with after_others_in(folder, "snowmelt other", said.append):
        assert process.ends.is_set()
        with pytest.raises(UserError, match="snowmelt other"):
            take(folder)
    assert len(said) == 1, "and once"
    assert f"process {process.pid}" in said[0]


def test_a_fault_of_the_work_itself_is_no_reason_to_wait(tmp_path: Path) -> None:
    with pytest.raises(folder_lock.Busy), after_others_in(tmp_path / "a", "x", print):
        raise folder_lock.Busy("of something else")
