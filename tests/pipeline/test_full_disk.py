"""Every stage on a full disk: one line, what was there stays, no draft is left."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snowmelt.common.drafts import PREFIX
from snowmelt.data.sources import decoding_group, image_source
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.command_line import STAGES
from tests.conftest import Mistake
from tests.pipeline.test_clouds import SMALL
from tests.project import make_workspace

CHOSEN = ("experiment=double_gaussian", *SMALL[1:], "training.checkpoint_every=2")
ROOM = "MB free in "


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A project on a file system of a few megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    if os.getuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield make_workspace(disk / "project")
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(ballast: Path, keep: int) -> None:
    """Leave `keep` bytes of room."""
    state = os.statvfs(ballast.parent)
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, state.f_bavail * state.f_frsize - keep)


def content(folder: Path) -> dict[str, bytes]:
    """All files of the stages' outputs."""
    places = (folder / "outputs", folder / "data" / "prepared", folder / "reports")
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize("tracking", ["none", "mlflow"])
def test_every_stage_on_a_full_disk(
    small_disk: Path,
    tracking: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(small_disk)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    ballast = small_disk.parent / "ballast"
    chosen = (*CHOSEN, f"tracking={tracking}")
    for stage in STAGES:
        before = content(small_disk)
        for keep in (0, 8192, 65536, 262144):
            fill(ballast, keep)
            status = main([stage, *chosen])
            said = capsys.readouterr().err
            ballast.unlink()
            assert "Traceback" not in said, said
            assert not list(small_disk.rglob(f"{PREFIX}*"))
            locks = [path.parent.parent.name for path in small_disk.rglob(".*.lock")]
            assert set(locks) <= {
                "runs",
                ".snowmelt",
            }  # of the tracker, which keeps its own
            if status == 0:
                assert keep, "there was no room"
                break
            (line,) = [text for text in said.splitlines() if ": error: " in text]
            assert "No space left on device" in line, said
            assert before.items() <= content(small_disk).items()
        assert main([stage, *chosen]) == 0


@pytest.mark.slow
def test_a_prepare_without_room_for_its_output_reads_no_image_again(
    small_disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(small_disk)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    monkeypatch.setattr(image_source, "FEW", 100)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(300):
        Image.new("RGB", (64, 64), (number % 256, 0, 0)).save(pictures / f"{number}.png")
    chosen = ["prepare", "data=folder", f"data.path={pictures}", "data.size=64"]
    ballast = small_disk.parent / "ballast"
    fill(ballast, 5_000_000)  # 3.7 MB are needed twice
    assert main([*chosen, "tracking=none"]) == 2
    said = capsys.readouterr().err
    assert "prepare: 300 of 300 images are read and kept: the next one goes on" in said
    assert "No space left on device" in said.splitlines()[-1]
    ballast.unlink()
    monkeypatch.setattr(decoding_group, "decode_run", None)
    assert main([*chosen, "tracking=none"]) == 0
    assert not list((small_disk / ".snowmelt").rglob("rows"))


def test_a_stage_says_in_one_line_that_the_disk_is_full(
    workspace: Path, mistake: Mistake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    said = mistake("prepare", "tracking=none", cwd=workspace)
    assert f"{workspace / 'data' / 'prepared'} cannot be written: No space left on" in said
    assert ROOM in said
    assert list((workspace / "data").iterdir()) == [workspace / "data" / "raw"]


def test_a_fault_without_a_file_is_one_line_too(
    workspace: Path, mistake: Mistake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(np, "concatenate", full)  # somewhere in the stage
    said = mistake("prepare", "tracking=none", cwd=workspace)
    assert "Disk quota exceeded (" in said
