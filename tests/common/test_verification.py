"""Files against the digests of their record, at once or in the background."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from snowmelt.common import verification
from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.common.verification import Verification


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.npy").write_bytes(bytes(100))
    (tmp_path / "large.npy").write_bytes(bytes(5000))
    return tmp_path


def digests(folder: Path) -> dict[str, str]:
    return {name: sha256(folder / name) for name in ("small.npy", "large.npy")}


def flip(path: Path, byte: int = 50) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 4
    path.write_bytes(content)


def test_whole_files_pass(folder: Path) -> None:
    found = Verification(folder, digests(folder), made_by="prepare")
    found.check()
    found.finish()
    found.finish()


def test_a_damaged_file_is_named_with_both_digests_and_its_stage(folder: Path) -> None:
    wanted = digests(folder)
    flip(folder / "small.npy")
    new = sha256(folder / "small.npy")
    with pytest.raises(UserError) as caught:
        Verification(folder, wanted, made_by="prepare")
    said = str(caught.value)
    for part in (str(folder / "small.npy"), new[:12], wanted["small.npy"][:12]):
        assert part in said
    assert "run `snowmelt prepare` again" in said


def test_a_large_file_delays_nothing_and_is_reported_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, may_go_on = digests(folder), threading.Event()
    flip(folder / "large.npy")

    def slow(path: Path) -> str:
        assert may_go_on.wait(30)
        return sha256(path)

    monkeypatch.setattr(verification, "AT_ONCE", 1000)
    monkeypatch.setattr(verification, "sha256", slow)
    del wanted["small.npy"]
    found = Verification(folder, wanted, made_by="prepare")
    found.check()  # nothing is known yet
    may_go_on.set()
    with pytest.raises(UserError, match=r"large\.npy is not as .*snowmelt prepare"):
        found.finish()
    with pytest.raises(UserError, match=r"large\.npy"):
        found.check()


def test_a_missing_file_and_a_folder_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"none\.npy is missing: run `snowmelt prepare`"):
        Verification(folder, {"none.npy": "0"}, made_by="prepare")
    (folder / "a.npy").mkdir()
    with pytest.raises(UserError, match=r"a\.npy is a folder, not a file: run"):
        Verification(folder, {"a.npy": "0"}, made_by="prepare")


def test_a_file_that_goes_meanwhile_is_no_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: Path) -> str:
        raise FileNotFoundError(2, "No such file", str(path))

    monkeypatch.setattr(verification, "AT_ONCE", 1000)
    monkeypatch.setattr(verification, "sha256", gone)
    found = Verification(folder, {"large.npy": "0"}, made_by="prepare")
    with pytest.raises(UserError, match=r"large\.npy cannot be read"):
        found.finish()
