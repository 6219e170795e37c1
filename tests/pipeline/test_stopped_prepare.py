"""The command `snowmelt prepare`, stopped or killed while it decodes, and typed again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snowmelt.common import stopping
from snowmelt.data.sources import image_source
from snowmelt.data.sources.decoding_journal import Journal
from snowmelt.pipeline.cli import main
from tests.pipeline.kills import drafts
from tests.project import in_process, started

COUNT, KILLS = 6000, 5


def draw(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        name = folder / f"{number % 3}" / f"{number:04}.png"
        name.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(name, compress_level=1)


def typed(out: str = "") -> list[str]:
    """The command, for a project whose pictures lie in data/raw."""
    given = ["prepare", "data=folder", "data.path=data/raw", "data.size=8"]
    return [*given, *([f"out={out}"] if out else [])]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_last_line_says_that_it_goes_on(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(workspace / "data" / "raw", 300)
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    in_process(*typed("whole"), cwd=workspace)
    assert not (workspace / ".snowmelt/prepare").exists(), "few images are not kept"
    shutil.rmtree(workspace / ".snowmelt")  # so that they are read again
    monkeypatch.setattr(image_source, "FEW", 100)
    add = Journal.add

    def asked_to_stop(*given: object) -> None:
        add(*given)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", asked_to_stop)
        assert main(typed()) == stopping.STATUS
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == (
        "snowmelt prepare: stopped after 256 of 300 images, which are kept; go on with:"
        " snowmelt prepare data=folder data.path=data/raw data.size=8"
    )
    assert not (workspace / "data" / "prepared").exists()
    assert len(list((workspace / ".snowmelt" / "prepare").iterdir())) == 1
    again = in_process(*typed(), cwd=workspace)
    assert "prepare: going on: 256 of 300 images were read before" in again
    assert content(workspace / "data" / "prepared") == content(workspace / "whole")
    assert not list((workspace / ".snowmelt" / "prepare").glob("*"))


def test_what_was_read_in_dvcs_copy_of_the_project_is_kept_in_the_project(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC deletes the copy."""
    draw(workspace / "data" / "raw", 20)
    monkeypatch.setattr(image_source, "FEW", 10)
    (tmp_path / "main").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "main"))

    def stop(*_: object) -> None:
        raise stopping.Stopped

    monkeypatch.setattr(Journal, "add", stop)
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    assert main(typed()) == stopping.STATUS
    assert list((tmp_path / "main" / ".snowmelt" / "prepare").iterdir())
    assert not (workspace / ".snowmelt").exists()


@pytest.fixture
def pictures(workspace: Path) -> Path:
    """A project with thousands of small pictures."""
    draw(workspace / "data" / "raw", COUNT)
    return workspace


def lines(project: Path) -> int:
    kept = (project / ".snowmelt" / "prepare").glob("*/journal.jsonl")
    return sum(path.read_bytes().count(b"\n{") for path in kept)


@pytest.mark.slow
def test_kills_and_requests_to_stop_end_in_the_same_bytes(pictures: Path) -> None:
    in_process(*typed("whole"), cwd=pictures)
    assert not (pictures / ".snowmelt" / "prepare").exists()
    shutil.rmtree(pictures / ".snowmelt")  # so that they are read again
    random_, known = random.Random(1), 0
    for number in range(KILLS):
        how = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[number % 3]
        process = started(*typed(), cwd=pictures)
        wanted = known + random_.randint(1, 4)
        while lines(pictures) < wanted and process.poll() is None:
            time.sleep(0.001)
        time.sleep(random_.uniform(0, 0.02))
        process.send_signal(how)
        _, said = process.communicate()
        known = lines(pictures)
        if how == signal.SIGKILL:
            assert process.returncode == -signal.SIGKILL, "it was over before"
            continue
        assert process.returncode == stopping.STATUS
        last = said.splitlines()[-1]
        assert last.startswith(f"snowmelt prepare: stopped after {known * 256:,} of 6,000")
    process = started(*typed(), cwd=pictures)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    assert f"prepare: going on: {known * 256:,} of 6,000 images" in said
    assert content(pictures / "data" / "prepared") == content(pictures / "whole")
    assert drafts(pictures) == []
    assert not list((pictures / ".snowmelt" / "prepare").glob("*"))
