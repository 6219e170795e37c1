"""Where decoded images are kept: by what name, how long, for one prepare at a time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import features
from tests.data.sources.stopped_prepare import (
    files,
    folder,
    interrupt,
    place,
    prepared,
    told,
)
from tests.project import ROOT

from snowmelt.common import kept_places
from snowmelt.common.errors import UserError
from snowmelt.common.folder_lock import only_one_in, try_lock
from snowmelt.data.sources import image_source, kept_rows
from snowmelt.data.sources.kept_rows import keeping

pytestmark = pytest.mark.usefixtures("few_are_many")
COUNT = 22 + 1


def test_other_choices_begin_anew(
    raw: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_places, "OTHERS", 99)
    interrupt(raw, 5)
    for changes in ({"channels": 1}, {"size": 3}, {"value_range": [0, 255]}):
        decoded.clear()
        interrupt(raw, 5, **changes)
        assert len(decoded) == COUNT, changes
    for module, name in ((kept_rows, "code_digest"), (features, "version")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, lambda _: "another")
            decoded.clear()
            interrupt(raw, 5)
            assert len(decoded) == COUNT, name
    # How errors are dealt with decides no row.
    decoded.clear()
    with pytest.raises(UserError, match=r"09\.png"):
        prepared(raw, on_corrupt="error")
    assert len(decoded) == 4


def test_what_is_kept_of_other_data_is_bounded(raw: Path) -> None:
    for size in (2, 3, 4, 5, 6):
        interrupt(raw, 2, size=size)
        time.sleep(0.01)
    assert len(list(place(raw).iterdir())) == 1 + kept_places.OTHERS
    assert interrupt(raw, 1, size=4) == "after 12 of 23 images, which are kept"
    prepared(raw, size=2)
    assert not place(raw).exists()


def test_what_another_process_works_on_is_not_removed(raw: Path) -> None:
    interrupt(raw, 2)
    (kept,) = place(raw).iterdir()
    with only_one_in(kept, "snowmelt prepare", otherwise="wait"):
        prepared(raw, size=3)
        assert kept.exists()
    prepared(raw, size=3)
    assert not kept.exists()


def test_a_second_one_does_without(raw: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = told(folder(raw).read())
    interrupt(raw, 3)
    with keeping(place(raw)) as kept:
        first = folder(raw, kept).read()
        assert prepared(raw) == whole
        said = capfd.readouterr().err
        assert "prepare: if it is stopped, the next one begins anew: " in said
        assert "another process works there (process " in said
        assert told(first) == whole
        kept.finished()
    assert not place(raw).exists()


def test_it_waits_for_what_a_killed_one_still_writes(
    raw: Path, decoded: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    whole = told(folder(raw).read())
    interrupt(raw, 3)
    rows, _ = files(raw)
    with rows.open("rb") as writing:
        assert try_lock(writing.fileno())
        release = threading.Timer(0.1, writing.close)
        release.start()
        decoded.clear()
        assert interrupt(raw, 1) == "after 16 of 23 images, which are kept"
        release.join()
    with rows.open("rb") as writing:
        assert try_lock(writing.fileno())
        assert prepared(raw) == whole
    assert "begins anew: a process of an earlier prepare still" in capfd.readouterr().err


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS, errno.ENOLCK])
def test_where_nothing_can_be_kept_it_works_all_the_same(
    fault: int,
    raw: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    whole = told(folder(raw).read())

    def failing(*_: object) -> None:
        raise OSError(fault, os.strerror(fault))

    name = "Journal" if fault != errno.ENOLCK else "try_lock"
    monkeypatch.setattr(kept_rows if name == "Journal" else kept_places, name, failing)
    assert prepared(raw) == whole
    assert f"begins anew: {os.strerror(fault)}\n" in capfd.readouterr().err
    assert not place(raw).exists()


def test_few_images_are_not_kept(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_source, "FEW", COUNT)
    with keeping(place(raw)) as kept:
        folder(raw, kept).read()
        assert not place(raw).exists()
        assert kept.reached() == ""


def test_all_code_that_decides_a_row_is_in_its_name() -> None:
    program = "import sys, snowmelt.data.sources.decoding; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    used = [n.split(".")[1] for n in done.stdout.split() if n.startswith("snowmelt.")]
    assert len(used) > 10
    assert set(used) == set(kept_rows.CODE)
