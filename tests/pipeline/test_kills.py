"""Kills at seeded moments of `dvc repro`, then `dvc repro`: as if nothing had happened."""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snowmelt.training.checkpoint import load
from tests.pipeline.clone import make_clone, repro, set_params
from tests.pipeline.kills import (
    Moment,
    counted,
    drafts,
    install,
    kill_at,
    moments,
    store_content,
)
from tests.project import run_command, succeed

FOLDER = ("data.size=8", "training.steps=20", "likelihood=none", "sample.num_samples=16")
MOMENTS = int(os.environ.get("KILLS", "60"))
CHAINS = 4
# How often each stage is killed in a chain of fifteen.
STAGES = {
    "compose": 1, "prepare": 2, "reference": 2, "train": 5, "sample": 2, "evaluate": 2,
    "report": 1,
}  # fmt: skip
TIMED = ("reports/index.html",)  # says how long the training took


def made(clone: Path) -> dict[str, bytes]:
    """Every file that the pipeline made, but for those that tell a time."""
    tops = [clone / name for name in ("outputs", "data/prepared", "reports")]
    files = [path for top in tops for path in sorted(top.rglob("*")) if path.is_file()]
    content = {str(path.relative_to(clone)): path.read_bytes() for path in files}
    return {name: content[name] for name in content if name not in TIMED}


def differing(clone: Path, whole: Path) -> list[str]:
    mine, theirs = made(clone), made(whole)
    names = mine.keys() | theirs.keys()
    return sorted(name for name in names if mine.get(name) != theirs.get(name))


def test_killed_stages_end_in_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    """While it prepares, after a state was saved, and while it samples."""
    clone, note = make_clone(tmp_path / "killed"), tmp_path / "notes" / "note"
    note.parent.mkdir()
    install(clone)
    assert kill_at(clone, Moment("prepare", 3, 0.0, 9), note)
    assert kill_at(clone, Moment("train", 25, 0.0, 9), note)
    assert not (clone / "outputs/model/model.ckpt").exists()
    # Killed between its end and DVC's note of it: DVC deletes what it made.
    stage = "-m", "snowmelt", "train", "--config", "outputs/config.yaml"
    by_dvc = {"DVC_STAGE": "train", "DVC_ROOT": str(clone)}
    succeed(run_command(sys.executable, *stage, cwd=clone, environment=by_dvc))
    shutil.rmtree(clone / "outputs/model")
    assert "train" in repro(clone, "train")
    assert kill_at(clone, Moment("sample", 3, 0.05, 15), note)
    repro(clone, "sample")
    assert not list((clone / ".snowmelt/resume").glob("*/"))
    for name in ("model/model.ckpt", "model/losses.csv", "samples/samples.npy"):
        same = (finished / "outputs" / name).read_bytes()
        assert (clone / "outputs" / name).read_bytes() == same, name
    assert load(clone / "outputs/model/model.ckpt").step == 40
    found = store_content(clone)
    assert found["statuses"] == ["FINISHED"]
    for name, content in found.items():
        for key, steps in content.items() if name.startswith("steps") else ():  # type: ignore[attr-defined]
            assert len(steps) == len(set(steps)), key


def make_folder_clone(folder: Path) -> Path:
    """A clone that trains on thirty small pictures in data/raw."""
    clone = make_clone(folder, *FOLDER)
    generator = np.random.default_rng(0)
    for number in range(30):
        pixels = generator.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(clone / "data" / "raw" / f"{number}.png")
    set_params(clone, data="folder")
    run_command("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit",
                "-qam", "a folder", cwd=clone)  # fmt: skip
    install(clone)
    return clone


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A clone whose pipeline nothing disturbed, and how many events its stages have."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "notes").mkdir()
    clone = make_folder_clone(folder / "clone")
    return clone, counted(clone, folder / "notes" / "note")


def status(clone: Path) -> str:
    return run_command("git", "status", "--porcelain", cwd=clone).stdout


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(CHAINS))
def test_kills_at_seeded_moments_leave_nothing_behind(
    seed: int, whole: tuple[Path, dict[str, int]], tmp_path: Path
) -> None:
    """A quarter of the moments each; `KILLS=120 make test-slow` takes more of them."""
    undisturbed, events = whole
    clone, note = make_folder_clone(tmp_path / "killed"), tmp_path / "notes" / "note"
    note.parent.mkdir()
    stages = [stage for stage, times in STAGES.items() for _ in range(times)]
    rounds = -(-MOMENTS // (CHAINS * len(stages)))
    chosen = moments(events, sorted(stages * rounds, key=[*STAGES].index), seed)
    hit = 0
    for moment in chosen:
        came = kill_at(clone, moment, note)
        hit += came
        print(f"{moment} {'killed' if came else 'was over before'}", flush=True)
    repro(clone)
    print(f"seed {seed}: {hit} of {len(chosen)} moments came", flush=True)
    assert hit > len(chosen) * 2 // 3, "the moments hardly come: count the events again"
    assert differing(clone, undisturbed) == []
    assert drafts(clone) == []
    assert status(clone) == status(undisturbed)
    assert store_content(clone) == store_content(undisturbed)


def test_moments_are_seeded() -> None:
    events = {"train": 50, "sample": 10}
    first = moments(events, ["train", "train", "sample"], 3)
    assert first == moments(events, ["train", "train", "sample"], 3)
    assert first != moments(events, ["train", "train", "sample"], random.randint(4, 9))
    assert all(1 <= one.event <= events[one.stage] for one in first)
