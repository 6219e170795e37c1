"""Two real processes, started by torchrun and talking over gloo."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import Mistake
from tests.project import TINY, make_workspace, run_command, snowmelt, succeed

from snowmelt.training.checkpoint import load

QUIET = ("tracking=none", "features=random_conv")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with prepared data and a checkpoint that one process trained."""
    folder = make_workspace(tmp_path_factory.mktemp("groups") / "project")
    succeed(snowmelt("prepare", cwd=folder))
    succeed(snowmelt("train", *TINY, *QUIET, cwd=folder))
    return folder


def test_two_processes_train_what_one_trains(trained: Path) -> None:
    """The batch is the same whoever sees which part of it; sums differ in their order."""
    overrides = (*TINY, *QUIET, "trainer=ddp", "trainer.accelerator=cpu")
    result = succeed(snowmelt("train", *overrides, "out=pair", cwd=trained))
    assert result.stdout.count("train: pair/model.ckpt") == 1
    one = load(trained / "outputs/model/model.ckpt")
    two = load(trained / "pair/model.ckpt")
    assert two.step == one.step == 40
    for name, weight in one.raw.items():
        torch.testing.assert_close(two.raw[name], weight, rtol=1e-3, atol=1e-4)


def test_a_user_may_start_torchrun_himself(trained: Path) -> None:
    command = (*TORCHRUN, "--nproc-per-node", "2", "-m", "snowmelt", "sample")
    arguments = ("num_samples=50", "batch_size=8", "sampler.steps=4", "tracking=none")
    succeed(run_command(*command, *arguments, "out=shared", cwd=trained))
    succeed(snowmelt("sample", *arguments, "out=alone", cwd=trained))
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
