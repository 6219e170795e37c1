"""Ten times as many examples take no more memory: the peak of each stage stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.project import ROOT

STEPS = ["training.steps=10", "sample.num_samples=50", "sampler.steps=3"]
ENOUGH = 1.05  # of the peak with a tenth of the examples
READ_AT_ONCE = 16  # MB of a file, by which a small process may grow; the file has 41 more


# What the kernel counts for a child begins with the size of the parent, so it says itself.
TELL = """
import re
from pathlib import Path
status = Path("/proc/self/status").read_text()
print("peak", int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]))
"""
STAGE = """
import sys
from snowmelt.pipeline.cli import main
assert main(sys.argv[1:]) == 0
"""


def peak(program: str, *arguments: str) -> float:
    """The most memory, in MB, that a program of Python held at once."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program + TELL, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout.split()[-1]) / 1024


def array(path: Path, count: int, side: int, channels: int = 1) -> Path:
    """Random images of which ten classes have levels of their own; labels beside them."""
    path.mkdir()
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, count)
    np.save(path / "labels.npy", labels)
    shape = (count, channels, side, side)
    images = np.lib.format.open_memmap(path / "images.npy", "w+", np.uint8, shape)
    for start in range(0, count, 1000):
        part = random.integers(0, 128, (len(labels[start : start + 1000]), *shape[1:]))
        level = 12 * labels[start : start + 1000, None, None, None]
        images[start : start + 1000] = (part + level).astype(np.uint8)
    return path


def folder(path: Path, count: int) -> Path:
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = random.integers(0, 256, (8, 8), dtype=np.uint8)
        (path / str(number % 10)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path / str(number % 10) / f"{number}.ppm")
    return path


PREPARE = """
import json, sys
from pathlib import Path
from snowmelt.data.prepared import dataset
from snowmelt.data.sources.array import Array
where, here = Path(sys.argv[1]), json.loads(sys.argv[2])
source = Array(name="a", path=str(where / "images.npy"), root=where, **here)
raw = source.read()
dataset.write(where / "prepared", **vars(raw), name="a")
"""
BATCHES = """
import sys
from pathlib import Path
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.training.batch_order import BatchStream
data = PreparedData.open(Path(sys.argv[1]) / "prepared")
for batch in BatchStream(data.train, batch_size=64, steps=300, seed=0):
    pass
data.verify().finish()
"""


@pytest.mark.parametrize("choices", [{}, {"gray": True, "pad_to": 36}])
def test_rows_are_stored_and_trained_on_in_the_same_memory(
    choices: dict[str, object], tmp_path: Path
) -> None:
    peaks = {}
    for count in (1500, 15_000):  # 4.6 and 46 MB
        where = array(tmp_path / str(count), count, 32, channels=3)
        peaks[count] = (
            peak(PREPARE, str(where), json.dumps(choices)),
            peak(BATCHES, str(where)),
        )
    for few, many in zip(*peaks.values(), strict=True):
        assert many - few < READ_AT_ONCE


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stage", ["array", "folder"])
def test_the_peak_of_every_stage(stage: str, tmp_path: Path) -> None:
    small = 20_000 if stage == "array" else 3_000
    peaks: dict[int, dict[str, float]] = {}
    for count in (small, 10 * small):
        where = tmp_path / str(count)
        if stage == "array":
            array(where, count, 8)
            named = [f"data.path={where}/images.npy", f"data.labels={where}/labels.npy"]
            stages = ["prepare", "reference", "train", "sample", "evaluate"]
        else:
            named, stages = (
                [f"data.path={folder(where, count)}", "data.size=8"],
                ["prepare"],
            )
        out = [f"data={stage}", *named, f"paths.root={tmp_path}/out{count}"]
        out += ["tracking.enabled=false", *STEPS]
        peaks[count] = {name: peak(STAGE, name, *out) for name in stages}
    few, many = peaks.values()
    assert {name: many[name] for name in many if many[name] > ENOUGH * few[name]} == {}
