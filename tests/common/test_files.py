"""Whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from snowmelt.common.errors import UserError
from snowmelt.common.files import (
    new_collection,
    new_directory,
    new_file,
    read_json,
    remove_directory,
    require,
    require_ours,
    sha256,
    write_json,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from snowmelt.common.files import new_directory, new_file
make = {"directory": new_directory, "file": new_file}[sys.argv[1]]
with make(Path(sys.argv[2])) as draft:
    path = draft / "half" if draft.is_dir() else draft
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_directory_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    with new_directory(target) as draft:
        (draft / "a").write_text("1")
        assert not target.exists()
        # The same file system, so that the last step is a rename.
        assert draft.parent.parent == target.parent
        number = draft.stat().st_ino
    assert target.stat().st_ino == number
    assert content(tmp_path) == {"deep/out/a": "1"}


def fail_to_fill(target: Path, error: type[BaseException]) -> None:
    with new_directory(target) as draft:
        (draft / "a").write_text("new")
        raise error


def fail_to_write(target: Path) -> None:
    with new_file(target) as draft:
        draft.write_text("2")
        raise RuntimeError("stop")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_directory_as_it_was(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "out"
    with new_directory(target) as draft:
        (draft / "a").write_text("old")
    with pytest.raises(error):
        fail_to_fill(target, error)
    assert content(tmp_path) == {"out/a": "old"}
    assert list(tmp_path.iterdir()) == [target]


def test_a_directory_is_replaced_not_merged(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with new_directory(
            tmp_path / "out", marker=name if name == "old" else None
        ) as draft:
            (draft / name).write_text(name)
    assert content(tmp_path) == {"out/new": "new"}


def test_a_directory_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with new_directory(tmp_path / "out"):
            pass
        assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


@pytest.mark.parametrize("kind", ["directory", "file"])
def test_a_kill_leaves_what_was_there(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "out"
    if kind == "file":
        target.write_text("old")
    else:
        target.mkdir()
        (target / "a").write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, kind, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    kept = target.read_text() if kind == "file" else content(target)
    assert kept == ("old" if kind == "file" else {"a": "old"})


def test_a_folder_of_someone_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    named = rf"{tmp_path} exists and holds no model.ckpt.*name another folder"
    with pytest.raises(UserError, match=named), new_directory(tmp_path, "model.ckpt"):
        raise AssertionError("not reached")
    with pytest.raises(UserError, match=named):
        require_ours(tmp_path, "model.ckpt")
    with pytest.raises(UserError, match=r"thesis\.txt exists and holds no"):
        require_ours(tmp_path / "thesis.txt", "model.ckpt")
    assert content(tmp_path) == {"thesis.txt": "years of work"}


def test_what_is_ours_empty_or_absent_may_be_replaced(tmp_path: Path) -> None:
    require_ours(tmp_path / "absent", "mark")
    require_ours(tmp_path, "mark")
    (tmp_path / "mark").touch()
    (tmp_path / "other").touch()
    require_ours(tmp_path, "mark")
    with new_directory(tmp_path, "mark") as draft:
        (draft / "mark").write_text("new")
    assert content(tmp_path) == {"mark": "new"}


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out.txt"
    with new_file(target) as draft:
        draft.write_text("1")
        assert not target.exists()
    assert content(tmp_path) == {"deep/out.txt": "1"}
    with pytest.raises(RuntimeError, match="stop"):
        fail_to_write(target)
    assert content(tmp_path) == {"deep/out.txt": "1"}


def test_json_comes_back_and_reads_well(tmp_path: Path) -> None:
    value = {"name": "žába", "rows": [1, 2.5, None, True]}
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "žába" in text
    assert text.endswith("}\n")
    assert json.loads(text) == read_json(tmp_path / "a.json", made_by="x") == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}])
def test_json_that_no_reader_knows_is_not_written(tmp_path: Path, value: object) -> None:
    target = tmp_path / "a.json"
    write_json(target, 1)
    with pytest.raises((ValueError, TypeError)):
        write_json(target, {"value": value})
    assert content(tmp_path) == {"a.json": "1\n"}


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    missing = tmp_path / "a.json"
    for ask in (require, read_json):
        with pytest.raises(
            UserError, match=rf"{missing} is missing: run `snowmelt prepare`"
        ):
            ask(missing, made_by="prepare")
    missing.mkdir()
    for ask in (read_json, require):
        with pytest.raises(UserError, match="is a folder, not a file: run `snowmelt prep"):
            ask(missing, made_by="prepare")
    missing.rmdir()
    missing.touch()
    assert require(missing, made_by="prepare") == missing


@pytest.mark.parametrize("broken", [b"", b"[1, 2]", b"3", b'{"a": ', b"\xff\xfe\x00"])
def test_broken_json_names_the_file(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "a.json").write_bytes(broken)
    with pytest.raises(
        UserError, match=r"a\.json is not valid JSON.*`snowmelt sample` again"
    ):
        read_json(tmp_path / "a.json", made_by="sample")


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")


def collect(target: Path, *names: str) -> None:
    with new_collection(target, "set.json") as draft:
        for name in names:
            (draft / name).parent.mkdir(exist_ok=True)
            (draft / name).write_text(name)


def test_a_collection_replaces_itself(tmp_path: Path) -> None:
    target = tmp_path / "out"
    collect(target, "a", "deep/b")
    assert json.loads((target / "set.json").read_text()) == ["a", "deep/b"]
    collect(target, "c")
    assert content(target).keys() == {"c", "set.json"}


@pytest.mark.parametrize("stranger", ["mine.txt", "deep/mine.txt", "index.html"])
def test_a_collection_never_takes_what_a_person_put_beside_it(
    tmp_path: Path, stranger: str
) -> None:
    target = tmp_path / "out"
    collect(target, "a", "deep/b")
    (target / stranger).write_text("mine")
    before = content(target)
    with pytest.raises(UserError, match=rf"out holds {stranger}, which this command did"):
        collect(target, "a")
    assert content(target) == before


@pytest.mark.parametrize("listing", ["", "{", "3", "[[1]]", '{"mine.txt": 1, "a": 2}'])
def test_a_listing_that_is_none_or_not_ours(tmp_path: Path, listing: str) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "set.json").write_text(listing)
    (target / "b").write_text("mine")
    with pytest.raises(UserError, match="out holds b"):
        collect(target, "a")


def test_a_collection_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="out is a file: name a folder"):
        collect(tmp_path / "out", "a")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with (
        pytest.raises(UserError, match=r"cannot be written: ."),
        new_directory(tmp_path / "file" / "out"),
    ):
        pass


def test_a_failure_leaves_no_empty_folders(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(RuntimeError), new_directory(tmp_path / "there" / "a" / "b" / "out"):
        raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_pipe_in_the_place_of_an_output_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(UserError, match=r"a\.json is a named pipe, not a file: run `snow"):
        read_json(tmp_path / "a.json", made_by="prepare")


def test_a_folder_is_removed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is removed file by file no longer lies under its name."""
    folder, seen = tmp_path / "state", []
    (folder / "inside").mkdir(parents=True)
    rmtree = shutil.rmtree
    monkeypatch.setattr(
        shutil, "rmtree", lambda *a, **k: (seen.append(folder.exists()), rmtree(*a, **k))
    )
    remove_directory(folder)
    remove_directory(folder)
    assert seen
    assert not any(seen)
    assert list(tmp_path.iterdir()) == []
