"""Files by their kind, whatever they are called."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from snowmelt.common import regular_files, stopping
from snowmelt.common.regular_files import IrregularFileError, kind_of, open_regular


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(os.path.relpath(path))  # whose length is limited


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (os.mkfifo, "a named pipe"),
        (listening, "a socket"),
        (Path.mkdir, "a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
    ],
)
def test_what_is_no_file_is_not_opened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], object],
    kind: str,
) -> None:
    path = tmp_path / "a.png"
    make(path)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("it was opened"))
    assert kind_of(path) == kind
    with pytest.raises(IrregularFileError, match=f"it is {kind}, not a file"):
        open_regular(path)


def test_a_pipe_that_takes_a_files_place_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "a.png")
    monkeypatch.setattr(regular_files, "kind_of", lambda _: None)
    with pytest.raises(IrregularFileError, match="named pipe"):
        open_regular(tmp_path / "a.png")


def test_what_interrupts_the_opening_is_raised_and_the_file_is_closed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing a number twice raises in the place of a request to stop, or hits another."""

    def interrupt(opened: int, *_: object) -> None:
        os.close(opened)  # as the file object does that has begun to own it
        raise stopping.Stopped

    (tmp_path / "a").write_bytes(b"content")
    monkeypatch.setattr(os, "fdopen", interrupt)
    with open_regular(tmp_path / "a") as file:
        assert file.read() == b"content"

    def stop(mode: int) -> None:
        raise stopping.Stopped

    before = set(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(regular_files, "kind_of", lambda _: None)
    monkeypatch.setattr(regular_files, "_kind", stop)
    with pytest.raises(stopping.Stopped):
        open_regular(tmp_path / "a")
    assert set(os.listdir("/proc/self/fd")) == before


def test_files_are_read_through_links(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to("a")
    assert kind_of(tmp_path / "b") is None
    with open_regular(tmp_path / "b") as file:
        assert file.read() == b"content"


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "a")
