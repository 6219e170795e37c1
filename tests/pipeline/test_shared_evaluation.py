"""Reference and evaluate in two processes: the same numbers as in one."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evaluation.test_reference_features import content
from tests.project import (
    TINY,
    in_process,
    make_workspace,
    run_command,
    succeed,
)

QUIET = (
    *(text for text in TINY if text != "features.independent_classifier=null"),
    "tracking=none",
    "features=classifier",
    "features.steps=20",
    "features.independent_classifier.steps=20",
    "likelihood.examples=20",
    "likelihood.batch_size=8",
)
PAIR = (*QUIET, "trainer=ddp", "trainer.accelerator=cpu")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which one process has come as far as its numbers."""
    folder = make_workspace(tmp_path_factory.mktemp("shared") / "project")
    for stage in ("prepare", "reference", "train", "sample", "evaluate"):
        in_process(stage, *QUIET, cwd=folder)
    return folder


@pytest.fixture
def pair(sampled: Path, capfd: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Runs a stage in two processes that this one starts; what all of them printed."""

    def run(stage: str) -> str:
        return in_process(stage, *PAIR, cwd=sampled) + capfd.readouterr().out

    return run


def numbers(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "reports/metrics.json").read_text())
    return found


def test_two_processes_make_the_reference_that_one_makes(
    sampled: Path, pair: Callable[[str], str]
) -> None:
    one, place = content(sampled / "outputs/reference"), sampled / ".snowmelt/reference"
    shutil.rmtree(place)
    told = pair("reference")
    assert "made before" not in told
    two = content(sampled / "outputs/reference")
    # A configuration that was handed on has its keys in another order.
    said = [json.loads(found.pop("reference.json")) for found in (one, two)]
    assert said[0] == said[1]
    assert two == one
    assert told.count("reference: ") == 1
    assert "made before" in pair("reference")


def test_two_processes_find_the_numbers_that_one_finds(
    sampled: Path, pair: Callable[[str], str]
) -> None:
    one = numbers(sampled)
    assert one["bound_bits_per_dim"] is not None
    tables = content_of_reports(sampled)
    (sampled / "reports/metrics.json").unlink()
    told = pair("evaluate")
    assert numbers(sampled) == one
    assert content_of_reports(sampled) == tables
    assert told.count("evaluate: ") == 1


def content_of_reports(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "reports").glob("*.csv")}


@pytest.mark.slow  # how torchrun starts a stage is seen of samples, in test_distributed
def test_a_user_may_start_torchrun_himself(sampled: Path) -> None:
    one = numbers(sampled)
    (sampled / "reports/metrics.json").unlink()
    program = (*TORCHRUN, "--nproc-per-node", "2", "-m", "snowmelt")
    # The last value of a key counts, and torchrun's number of processes.
    arguments = dict(text.split("=", 1) for text in QUIET)
    given = [f"{key}={value}" for key, value in arguments.items()]
    succeed(run_command(*program, "evaluate", *given, cwd=sampled))
    assert numbers(sampled) == one


def test_a_mistake_in_one_process_is_one_line(
    sampled: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(sampled, tmp_path / "copy", symlinks=True))
    (folder / "outputs/samples/samples.npy").unlink()
    in_process("evaluate", *PAIR, cwd=folder, status=2)
    said = capfd.readouterr().err
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if ": error: " in line]
    assert "samples.npy" in line
