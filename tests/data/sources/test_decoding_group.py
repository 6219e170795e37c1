"""The same rows, whatever the number of processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tqdm import tqdm

from snowmelt.common.errors import UserError
from snowmelt.data.sources import decoding_group
from snowmelt.data.sources.decoding import Plan
from snowmelt.data.sources.decoding_group import Outcome, decode_all
from snowmelt.data.sources.image_list import Entry, ImageList
from snowmelt.data.sources.rows_file import RowsFile

COUNT = 23


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of which some cannot be read, one is a film, and one has no text as name."""
    rng = np.random.default_rng(0)
    for number in range(COUNT - 1):
        pixels = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number:02}.png")
    for number in (3, 9):
        (tmp_path / f"{number:02}.png").write_bytes(b"damaged")
    frames = [Image.new("L", (4, 4), level) for level in (1, 2)]
    odd = tmp_path / os.fsdecode(b"\xff.gif")
    frames[0].save(odd, save_all=True, append_images=frames[1:])
    return tmp_path


def decoded(folder: Path, processes: int) -> tuple[np.ndarray, Outcome]:
    images = ImageList(Entry(path.name) for path in folder.iterdir())
    rows = RowsFile(len(images), (3, 4, 4), None)
    plan = Plan(str(folder), -1, 4, 3, None, 1000, rows.descriptor)
    return rows.array(), decode_all(images, plan, processes)


def test_the_same_bytes_notes_and_skipped_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding_group, "RUN", 4)
    rows, one = decoded(folder, 1)
    for processes in (2, 3):
        others, found = decoded(folder, processes)
        assert np.array_equal(rows, others)
        assert np.array_equal(one.kept, found.kept)
        assert one.skipped == found.skipped
        assert one.tally.notes() == found.tally.notes()
    assert np.flatnonzero(~one.kept).tolist() == [3, 9]
    assert "(\\udcff.gif: 2)" in one.tally.notes()[0]
    assert rows[~one.kept].max() == 0
    assert rows[one.kept].any(axis=(1, 2, 3)).all()


def test_the_bar_of_few_images_moves_after_some_of_them(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding_group, "tqdm", partial(tqdm, mininterval=0))
    decoded(folder, 1)
    told = re.findall(rf" (\d+)/{COUNT} ", capsys.readouterr().err)
    assert list(dict.fromkeys(told)) == ["0", "8", "16", str(COUNT)]


def test_a_process_that_the_system_ends_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding_group, "RUN", 4)
    kill = f"import os; os.kill(os.getpid(), {signal.SIGKILL:d})"
    monkeypatch.setattr(decoding_group, "_SERVE", kill)
    with pytest.raises(UserError, match=r"was ended \(status -9\), .* lack of memory"):
        decoded(folder, 2)


KILLED = """
import os, signal
from snowmelt.data.sources.decoding import Plan
from snowmelt.data.sources.decoding_group import _started
with _started(Plan("", -1, 4, 3, None, 1000), 2) as workers:
    print(*(worker.pid for worker in workers), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_command_leaves_no_process() -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 60
    while any(map(is_alive, done.stdout.split())):
        assert time.monotonic() < deadline, done.stdout
        time.sleep(0.1)


def is_alive(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_few_images_start_no_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding_group, "_SERVE", "no python")
    images = ImageList(Entry(path.name) for path in folder.iterdir())
    rows = RowsFile(len(images), (3, 4, 4), None)
    plan = Plan(str(folder), -1, 4, 3, None, 1000, rows.descriptor)
    assert decode_all(images, plan).kept.sum() == COUNT - 2
