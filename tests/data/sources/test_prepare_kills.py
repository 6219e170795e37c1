"""`kill -9` of a prepare at seeded moments, while its processes decode."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.project import ROOT

COUNT, KILLS = 6000, 4
PROGRAM = """
import hashlib, os, sys
from pathlib import Path
from snowmelt.data.sources.folder import Folder
from snowmelt.data.sources.kept_rows import keeping
os.sched_getaffinity = lambda _: range(2)
with keeping(Path(sys.argv[2])) as kept:
    raw = Folder(name="a", path=sys.argv[1], size=8, on_corrupt="skip", kept=kept).read()
    told = hashlib.sha256(raw.examples[:]).hexdigest(), raw.notes, raw.skipped, raw.labels
    kept.finished()
print(*told)
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thousands of small images, a film and one that cannot be read among them."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04}.png", compress_level=1)
    (folder / "0700.png").write_bytes(b"damaged")
    frames = [Image.new("L", (9, 8), level) for level in (1, 2)]
    frames[0].save(folder / "3000.gif", save_all=True, append_images=frames[1:])
    return folder


def started(pictures: Path, kept: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(pictures), str(kept)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(pictures: Path, kept: Path) -> str:
    process = started(pictures, kept)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    return said


def lines(kept: Path) -> int:
    return sum(path.read_bytes().count(b"\n{") for path in kept.glob("*/journal.jsonl"))


def test_kills_at_seeded_moments_end_in_the_same_rows(
    pictures: Path, tmp_path: Path
) -> None:
    kept, random_, known = tmp_path / "kept", random.Random(0), 0
    whole = finished(pictures, tmp_path / "undisturbed")
    assert "1 files hold several frames" in whole
    for number in range(KILLS):
        process = started(pictures, kept)
        wanted = known + random_.randint(1, 5)
        while lines(kept) < wanted and process.poll() is None:
            time.sleep(0.001)
        time.sleep(random_.uniform(0, 0.02))
        # Alone, so that its processes outlive it by a moment, or all at once.
        if number % 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        assert process.wait() == -signal.SIGKILL, "it was over before"
        known = lines(kept)
    said, rows = finished(pictures, kept).splitlines()
    assert said.startswith(
        f"prepare: going on: {min(known * 256, COUNT):,} of 6,001 images"
    )
    assert rows == whole.strip()
    assert not kept.exists()
