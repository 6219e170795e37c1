"""A new schedule is one class and one YAML file; everything else finds it."""

from __future__ import annotations

import json
import re
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
RISING = '''

class Rising(Mine):
    """One that breaks the laws: it is not decreasing."""

    def log_snr(self, t: Tensor) -> Tensor:
        return super().log_snr(1 - t)
'''
FILE = "_target_: snowmelt.diffusion.schedules.mine.Mine\n"
SHORT = ("training.steps=10", "sample.num_samples=64", "sample.batch_size=64")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources, configuration and tests of the schedules, with new files."""
    root = tmp_path_factory.mktemp("new") / "project"
    for folder in ("src", "conf", "tests/diffusion/schedules"):
        # With what is compiled of the sources, which takes seconds.
        ignored = shutil.ignore_patterns("*.egg-info")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    for file in ("params.yaml", "pyproject.toml", "tests/__init__.py", "tests/project.py"):
        shutil.copy(ROOT / file, root / file)
    (root / "src/snowmelt/diffusion/schedules/mine.py").write_text(CLASS + RISING)
    (root / "conf/schedule/mine.yaml").write_text(FILE)
    (root / "conf/schedule/rising.yaml").write_text(FILE.replace("Mine", "Rising"))
    return root


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return run_command(
        sys.executable, *command, cwd=copy, environment={"PYTHONPATH": str(copy / "src")}
    )


@pytest.fixture(scope="module")
def laws(copy: Path) -> dict[str, list[str]]:
    """The tests of the schedules that passed, and that failed, for the two new ones."""
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-r", "pf")
    chosen = ("tests/diffusion/schedules", "-k", "mine or rising")
    said = run(copy, "-m", "pytest", *quiet, *chosen).stdout
    words = ("PASSED", "FAILED")
    return {word: re.findall(rf"^{word} (\S+)", said, re.M) for word in words}


def test_the_laws_hold_for_it(laws: dict[str, list[str]]) -> None:
    assert len([name for name in laws["PASSED"] if "mine]" in name]) >= 5
    assert [name for name in laws["FAILED"] if "mine]" in name] == []


def test_the_laws_break_for_a_broken_one(laws: dict[str, list[str]]) -> None:
    assert any("decreasing" in name and "[rising]" in name for name in laws["FAILED"])


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
