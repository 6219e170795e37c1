"""Ten times as many examples take no more memory: the peak of each stage stays."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.project import ROOT

STEPS = ["training.steps=10", "sample.num_samples=50", "sampler.steps=3"]
ENOUGH = 1.05  # of the peak with a tenth of the examples
READ_AT_ONCE = 16  # MB of a file, by which a small process may grow; the file has 41 more
DRAWN_AT_ONCE = 8  # MB, by which a process may grow that draws 28 MB more
# The allocator gives back what is freed, so that a peak is what was held and not leftovers,
# which differ by 25 MB from one run to the next. Commands choose for themselves otherwise.
GIVES_BACK = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_ARENA_MAX": "1",
}


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
# As `sitecustomize`: every process says its peak at its end.
HOOK = """
import atexit, os, re
from pathlib import Path
def tell():
    status = Path("/proc/self/status").read_text()
    kilobytes = re.search(r"VmHWM:\\s+(\\d+)", status)[1]
    Path(os.environ["PEAKS"], str(os.getpid())).write_text(kilobytes)
atexit.register(tell)
"""


def peak(program: str, *arguments: str) -> float:
    """The most memory, in MB, that a program of Python held at once."""
    return told([program + TELL, *arguments])[-1]


def told(run: Sequence[str], more: Mapping[str, str] | None = None) -> list[float]:
    """What a program in Python tells of its memory, in MB.

    Args:
        more: of its environment.
    """
    ours = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    environment = os.environ | ours | dict(more or {})
    command = [sys.executable, "-c", *run]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"^peak (\d+)$", done.stdout, re.MULTILINE)
    return [int(kilobytes) / 1024 for kilobytes in found]


# A peak never sinks, so what is more in a later run of one process is seen there too.
REPEAT = """
import json, sys
program, *runs = map(json.loads, sys.argv[1:])
for given in runs:
    sys.argv[1:] = given
    exec(program, {})
"""


def peaks(program: str, *runs: Sequence[str]) -> list[float]:
    """The peak after each run of a program, with growing work, in one process."""
    given = [json.dumps(one) for one in (program + TELL, *runs)]
    found = told([REPEAT, *given], GIVES_BACK)
    assert len(found) == len(runs)
    return found


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
    few, many = (
        array(tmp_path / str(count), count, 32, channels=3)
        for count in (1500, 15_000)  # 4.6 and 46 MB
    )
    chosen = json.dumps(choices)
    stored = peaks(PREPARE, [str(few), chosen], [str(many), chosen])
    trained_on = peaks(BATCHES, [str(few)], [str(many)])
    for of_few, of_many in (stored, trained_on):
        assert of_many - of_few < READ_AT_ONCE


DRAW = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
from tests.tiny_models import generator, images
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.sampling.generate import generate
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.guidance.guidance import Conditioning
from snowmelt.sampling.guidance.inpainting import Inpainting
from snowmelt.sampling.guidance.masks import Side
from snowmelt.sampling.samplers.ddim import DDIM

class Still(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))
    def forward(self, x, log_snr):
        return x * self.scale

here, count, is_completed = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "completed"
shape = (3, 32, 32)
manifest = replace(images(), shape=shape, value_range=(0, 255))
def examples(index):
    return torch.zeros(len(index), *shape)
told = {"guidance": Inpainting(Side()), "conditioning": Conditioning(shape, None, examples)}
made = generator(manifest, sampler=DDIM(1), count=count, **(told if is_completed else {}))
still = Denoiser(Still(), made.denoiser.process, made.denoiser.prediction)
Generator.on = lambda *_: replace(made, denoiser=still)
generate(
    made.request, here / "out", batch_size=50, device=torch.device("cpu"),
    kept=here / "kept", png="all",
)
"""


@pytest.mark.parametrize("kind", ["free", "completed"])
def test_samples_are_drawn_in_the_same_memory(kind: str, tmp_path: Path) -> None:
    """With their record, PNG files and, where they complete real ones, the difference."""
    few, many = peaks(
        DRAW,
        *([str(tmp_path / f"{n}"), str(n), kind] for n in (1000, 10_000)),  # 3 and 31 MB
    )
    assert many - few < DRAWN_AT_ONCE


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("processes", [1, 2])
def test_the_peak_of_many_samples(processes: int, tmp_path: Path) -> None:
    """The command as it is typed, at 5,000 and 50,000 samples; of a group the largest."""
    where = array(tmp_path / "few", 2000, 8)
    named = [f"data.path={where}/images.npy", f"data.labels={where}/labels.npy"]
    out = ["data=array", *named, f"paths.root={tmp_path}/out", "tracking.enabled=false"]
    for stage in ("prepare", "train"):
        peak(STAGE, stage, *out, "training.steps=10")
    group = [f"trainer.processes={processes}", "trainer.accelerator=cpu"]
    drawn = ["sample", *out, *group, "sampler.steps=3", "sample.png=all"]
    few, many = (
        most(tmp_path / f"peaks{count}", *drawn, f"sample.num_samples={count}")
        for count in (5000, 50_000)
    )
    assert many < ENOUGH * few


def most(notes: Path, *arguments: str) -> float:
    """The most memory, in MB, that one of a command's processes held at once."""
    hook = notes / "hook"
    hook.mkdir(parents=True)
    (hook / "sitecustomize.py").write_text(HOOK)
    places = os.pathsep.join((str(hook), str(ROOT / "src")))
    told = {"PYTHONPATH": places, "OMP_NUM_THREADS": "1", "PEAKS": str(notes)}
    command = [sys.executable, "-m", "snowmelt", *arguments]
    subprocess.run(command, cwd=ROOT, env=os.environ | told, check=True)
    return max(int(note.read_text()) for note in notes.glob("[0-9]*")) / 1024


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
