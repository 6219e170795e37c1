"""`kill -9` of a sampling at seeded moments, and going on from there."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.project import ROOT

COUNT, SIZE = 2000, 8
PROGRAM = """
import sys
from pathlib import Path
import torch
from tests.sampling.stopped_sample import asked
from snowmelt.sampling.generate import generate
from snowmelt.sampling.generator import Generator
made = asked(count=int(sys.argv[2]))
Generator.on = lambda *_: made
here, cpu = Path(sys.argv[1]), torch.device("cpu")
where = {"target": here / "out", "kept": here / "kept"}
generate(made.request, **where, batch_size=int(sys.argv[3]), device=cpu)
"""


def started(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(COUNT), str(SIZE)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(folder: Path) -> str:
    process = started(folder)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    return said


def batches(folder: Path) -> int:
    """How many batches the journal knows."""
    found = (folder / "kept").glob("*/journal-*.jsonl")
    return sum(path.read_bytes().count(b"}\n") for path in found)


def digest(folder: Path) -> dict[str, str]:
    files = sorted((folder / "out").iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def kill(folder: Path, wanted: int, pause: float) -> None:
    process = started(folder)
    while batches(folder) < wanted and process.poll() is None:
        time.sleep(0.001)
    time.sleep(pause)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was over before"


def killed_and_finished(folder: Path, kills: int, seed: int) -> None:
    random_, known = random.Random(seed), 0
    for _ in range(kills):
        kill(folder, known + random_.randint(1, 40), random_.uniform(0, 0.02))
        assert not (folder / "out").exists()
        # What is known is not drawn again: each run adds its batches to the journal.
        assert batches(folder) > known
        known = batches(folder)
    said = finished(folder)
    assert f"sample: going on: {known * SIZE:,} of {COUNT:,} samples were drawn" in said
    assert f"{COUNT - known * SIZE} of {COUNT} samples in" in said


def test_kills_at_seeded_moments_end_in_the_same_bytes(tmp_path: Path) -> None:
    """Nothing is drawn twice, but for the batch that a kill came into."""
    finished(tmp_path / "whole")
    killed_and_finished(tmp_path / "killed", 2, 0)
    assert digest(tmp_path / "killed") == digest(tmp_path / "whole")
    assert not (tmp_path / "killed" / "kept").exists()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_kills_end_in_the_same_bytes(tmp_path: Path) -> None:
    finished(tmp_path / "whole")
    for seed in range(1, 5):
        folder = tmp_path / str(seed)
        killed_and_finished(folder, 5, seed)
        assert digest(folder) == digest(tmp_path / "whole")
