"""A new schedule is one class and one YAML file; everything else finds it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT, TINY, run_command, succeed

CLASS = '''\
"""A schedule of one's own."""

from __future__ import annotations

from torch import Tensor

from snowmelt.diffusion.noise_schedule import NoiseSchedule


class Mine(NoiseSchedule):
    """The log-SNR is a straight line."""

    def __init__(self, start: float = 9.0, end: float = -9.0) -> None:
        self.start = start
        self.end = end

    def log_snr(self, t: Tensor) -> Tensor:
        return (1 - t) * self.start + t * self.end
'''
FILE = "_target_: snowmelt.diffusion.schedules.mine.Mine\n"
SHORT = ("training.steps=10", "sample.num_samples=64", "sample.batch_size=64")


def make_copy(root: Path) -> Path:
    """Sources, configuration and tests of the schedules, with two new files."""
    for folder in ("src", "conf", "tests/diffusion/schedules"):
        # With what is compiled of the sources, which takes seconds.
        ignored = shutil.ignore_patterns("*.egg-info")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    for file in ("params.yaml", "pyproject.toml", "tests/__init__.py", "tests/project.py"):
        shutil.copy(ROOT / file, root / file)
    (root / "src/snowmelt/diffusion/schedules/mine.py").write_text(CLASS)
    (root / "conf/schedule/mine.yaml").write_text(FILE)
    return root


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose sources tests must not change."""
    return make_copy(tmp_path_factory.mktemp("new") / "project")


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return run_command(
        sys.executable, *command, cwd=copy, environment={"PYTHONPATH": str(copy / "src")}
    )


def laws(copy: Path) -> subprocess.CompletedProcess[str]:
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    return run(copy, "-m", "pytest", *quiet, "tests/diffusion/schedules", "-k", "mine")


def test_the_laws_hold_for_it(copy: Path) -> None:
    said = succeed(laws(copy)).stdout
    passed = int(said.split(" passed")[0].split()[-1])
    assert passed >= 5, said


def test_the_laws_break_for_a_broken_one(tmp_path: Path) -> None:
    copy = make_copy(tmp_path / "project")
    source = copy / "src/snowmelt/diffusion/schedules/mine.py"
    rising = source.read_text().replace("start: float = 9.0, end: float = -9.0", "*_")
    source.write_text(
        rising.replace("self.start = start", "self.start = -9.0").replace(
            "self.end = end", "self.end = 9.0"
        )
    )
    result = laws(copy)
    assert result.returncode == 1, result.stdout
    assert "decreasing" in result.stdout
    assert "[mine]" in result.stdout


def test_the_card_shows_it(copy: Path) -> None:
    said = succeed(run(copy, "-m", "snowmelt", "card", "schedule=mine,cosine")).stdout
    assert said.split()[:2] == ["mine", "cosine"]
    assert said.splitlines()[-1] == f"card: {copy / 'outputs/card/mine_cosine.png'}"
    assert (copy / "outputs/card/mine_cosine.png").is_file()


@pytest.mark.slow
def test_a_sweep_runs_it(copy: Path) -> None:
    short = [text for text in TINY if not text.startswith(("training.steps", "sample."))]
    given = ("schedule=mine,cosine", *short, *SHORT, "tracking=none")
    said = succeed(run(copy, "-m", "snowmelt", "pipeline", "--multirun", *given)).stdout
    assert "mine" in said
    compared = json.loads((copy / "reports/sweep/comparison.json").read_text())
    assert "mine" in json.dumps(compared)
    files = (copy / "multirun").rglob("result.json")
    results = [json.loads(file.read_text()) for file in files]
    assert [result["status"] for result in results] == ["finished", "finished"]
