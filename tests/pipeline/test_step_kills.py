"""kill -9 in any part of any step: the training goes on and ends in the same bytes."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from snowmelt.common.compiler import has_compiler
from snowmelt.common.threads import single_thread
from tests.project import (
    TINY,
    in_process,
    make_workspace,
    snowmelt,
    succeed,
)
from tests.step_kills import killed, seeded_kills

STEPS = 40
QUIET = ("tracking=none", "likelihood=none")
CPU = "trainer.accelerator=cpu"
DROPOUT, HALF = "net.dropout=0.1", "trainer.precision=bf16-mixed"
PARTS, PAIR = "trainer.accumulate=2", "trainer.processes=2"
SNAPSHOTS, FURTHER = "training.ema.snapshots=4", "training.ema.further=[0.9]"
ALL = (DROPOUT, HALF, PARTS, PAIR)
COMBINATIONS = [chosen for size in range(5) for chosen in itertools.combinations(ALL, size)]
COMPILED = "trainer.compile=true"
COMBINATIONS += [(COMPILED, *chosen) for chosen in ((), (DROPOUT, HALF), ALL)]
COMBINATIONS += [(SNAPSHOTS, FURTHER), (SNAPSHOTS, FURTHER, *ALL)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_workspace(tmp_path_factory.mktemp("kills") / "project")
    in_process("prepare", cwd=folder)
    return folder


def made(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def train(*command: str, cwd: Path) -> None:
    """Here, unless the compiler would remember what other tests have compiled here."""
    if COMPILED in command:
        succeed(snowmelt(*command, cwd=cwd))
    else:
        with single_thread():
            in_process(*command, cwd=cwd)


def check(project: Path, scratch: Path, seed: int, kills: int, *chosen: str) -> int:
    """Train undisturbed, and with kills; how many of their moments came."""
    command = ("train", *TINY, *QUIET, CPU, *chosen)
    train(*command, "out=straight", cwd=project)
    straight = made(project / "straight")
    shutil.rmtree(project / ".snowmelt")
    shutil.rmtree(project / "straight")
    ranks = 2 if PAIR in chosen else 1
    came = 0
    for moment in seeded_kills(seed, kills, STEPS, ranks):
        result, is_killed = killed(project, scratch, moment, *command, "out=killed")
        assert is_killed == (result.returncode == -9), result.stderr
        came += is_killed
    train(*command, "out=killed", cwd=project)
    assert made(project / "killed") == straight
    shutil.rmtree(project / ".snowmelt")
    shutil.rmtree(project / "killed")
    return came


def test_a_training_that_was_killed_ends_in_the_same_bytes(
    prepared: Path, tmp_path: Path
) -> None:
    """With averages and their snapshots, dropout, bfloat16 and its batch in parts."""
    chosen = (DROPOUT, HALF, PARTS, SNAPSHOTS, FURTHER)
    assert check(prepared, tmp_path, 0, 2, *chosen) == 2


@pytest.mark.skipif(not has_compiler(), reason="there is no C++ compiler here")
def test_so_does_a_compiled_one(prepared: Path, tmp_path: Path) -> None:
    """In bfloat16, with dropout, whose masks the compiler draws in its own code."""
    assert check(prepared, tmp_path, 0, 1, COMPILED, DROPOUT, HALF) == 1


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("chosen", COMBINATIONS, ids=" ".join)
def test_so_does_every_combination(
    prepared: Path, tmp_path: Path, chosen: tuple[str, ...]
) -> None:
    if COMPILED in chosen and not has_compiler():
        pytest.skip("there is no C++ compiler here")
    came = check(prepared, tmp_path, len(chosen), 5, *chosen)
    print(f"{came} of 5 moments came", flush=True)
    assert came >= 3
