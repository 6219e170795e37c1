"""Two real processes that talk over gloo, started by snowmelt or by torchrun."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import Mistake
from tests.project import (
    TINY,
    clean_environment,
    in_process,
    make_workspace,
    run_command,
    succeed,
)

from snowmelt.training.checkpoint import Checkpoint, load

QUIET = ("tracking=none",)
PAIR = (*TINY, *QUIET, "trainer=ddp", "trainer.accelerator=cpu")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with prepared data and a checkpoint that one process trained."""
    folder = make_workspace(tmp_path_factory.mktemp("groups") / "project")
    in_process("prepare", cwd=folder)
    in_process("train", *TINY, *QUIET, cwd=folder)
    return folder


def test_two_processes_train_what_one_trains(
    trained: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The batch is the same whoever sees which part of it; sums differ in their order."""
    again(trained)
    said = in_process("train", *PAIR, "out=pair", cwd=trained) + capfd.readouterr().out
    assert said.count(f"train: {trained / 'pair/model.ckpt'}") == 1
    one, two = the_same(trained, "pair")
    assert (one.processes, two.processes) == ([1], [2])


def test_one_process_goes_on_where_two_were_stopped(trained: Path) -> None:
    again(trained)
    command = [sys.executable, "-m", "snowmelt", "train", *PAIR, "out=moved"]
    with subprocess.Popen(
        command, cwd=trained, env=clean_environment(), stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stderr is not None
        said = ""
        while not re.search(r"\D[1-9]\d?/40", said):
            letter = started.stderr.read(1)
            assert letter, said
            said += letter
        started.send_signal(signal.SIGTERM)
        said = started.stderr.read()
        assert started.wait(60) == 130
    (line,) = [text for text in said.splitlines() if text.startswith("snowmelt train: ")]
    assert "of 40, whose state is saved; go on with: snowmelt train" in line
    assert not (trained / "moved").exists()
    alone = in_process("train", *TINY, *QUIET, "out=moved", cwd=trained)
    assert "going on from the saved state" in alone
    assert "trained by 2 and then 1 processes" in alone
    _, moved = the_same(trained, "moved")
    assert moved.processes == [2, 1]
    rows = [
        (trained / folder / "losses.csv").read_text().splitlines()
        for folder in ("outputs/model", "moved")
    ]
    steps = [[row.partition(",")[0] for row in table] for table in rows]
    assert steps[0] == steps[1]


def again(folder: Path) -> None:
    """Forget that the training is finished: how many processes had it does not matter."""
    shutil.rmtree(folder / ".snowmelt" / "finished", ignore_errors=True)


def the_same(folder: Path, other: str) -> tuple[Checkpoint, Checkpoint]:
    """Two checkpoints of one identity, which agree to rounding."""
    one, two = (
        load(folder / "outputs/model/model.ckpt"),
        load(folder / other / "model.ckpt"),
    )
    assert two.identity == one.identity
    assert two.step == one.step == 40
    for name, weight in one.raw.items():
        torch.testing.assert_close(two.raw[name], weight, rtol=1e-3, atol=1e-4)
    return one, two


def test_a_user_may_start_torchrun_himself(trained: Path) -> None:
    command = (*TORCHRUN, "--nproc-per-node", "2", "-m", "snowmelt", "sample")
    arguments = ("num_samples=50", "batch_size=8", "sampler.steps=4", "tracking=none")
    succeed(run_command(*command, *arguments, "out=shared", cwd=trained))
    in_process("sample", *arguments, "out=alone", cwd=trained)
    shared = np.load(trained / "shared/samples.npy")
    np.testing.assert_array_equal(shared, np.load(trained / "alone/samples.npy"))


def test_a_batch_that_cannot_be_shared_is_refused(trained: Path, mistake: Mistake) -> None:
    overrides = (*TINY, *QUIET, "trainer=ddp", "trainer.accelerator=cpu")
    odd = ("training.batch_size=33", "out=odd")
    said = mistake("train", *overrides, *odd, cwd=trained)
    assert "training.batch_size=33 cannot be shared by 2 processes" in said
    assert not (trained / "odd").exists()


@pytest.mark.parametrize("text", ["trainer.processes=0", "trainer.num_nodes=2"])
def test_a_group_that_cannot_be_started_is_refused(
    trained: Path, mistake: Mistake, text: str
) -> None:
    key = text.partition("=")[0]
    assert key in mistake("train", *TINY, *QUIET, text, cwd=trained)
