"""`snowmelt sample`, stopped or killed, in one process or two, and typed again."""

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

from snowmelt.common import stopping
from tests.pipeline.kills import drafts
from tests.project import TINY, clean_environment, in_process, make_workspace, started

COUNT, KILLS = 3000, 4
TYPED = (
    "sample",
    f"num_samples={COUNT}",
    "batch_size=16",
    "sampler=ddim",
    "sampler.steps=4",
    "tracking=none",
    "trainer.accelerator=cpu",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a checkpoint, and the samples that nobody disturbed."""
    folder = make_workspace(tmp_path_factory.mktemp("stopped") / "project")
    in_process("prepare", cwd=folder)
    in_process("train", *TINY, "tracking=none", cwd=folder)
    in_process(*TYPED, "out=whole", cwd=folder)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def typed(processes: int, out: str) -> list[str]:
    return [*TYPED, f"trainer.processes={processes}", f"out={out}"]


def batches(project: Path) -> int:
    found = (project / ".snowmelt" / "sample").glob("*/journal-*.jsonl")
    return sum(path.read_bytes().count(b"}\n") for path in found)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("processes", [1, 2])
def test_kills_and_requests_to_stop_end_in_the_same_bytes(
    processes: int, trained: Path
) -> None:
    """Killed alone, the command leaves ranks that write on for a moment."""
    random_, known, out = random.Random(processes), 0, f"killed{processes}"
    for number in range(KILLS):
        how = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[number % 3]
        process = started(*typed(processes, out), cwd=trained)
        wanted = known + random_.randint(2, 20)
        while batches(trained) < wanted and process.poll() is None:
            time.sleep(0.001)
        time.sleep(random_.uniform(0, 0.05))
        # A kill of the command alone leaves its processes to notice it.
        process.send_signal(how)
        said, errors = process.communicate()
        if how == signal.SIGKILL:
            assert process.returncode == -signal.SIGKILL, said + errors
        else:
            assert process.returncode == stopping.STATUS, said + errors
            last = errors.splitlines()[-1]
            assert "of 3,000 samples, which are kept; go on with: snowmelt sample" in last
        assert batches(trained) > known
        known = batches(trained)
    process = started(*typed(3 - processes, out), cwd=trained)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "sample: going on: " in said
    assert said.splitlines()[-1] == f"sample: {trained / out}"
    assert content(trained / out) == content(trained / "whole")
    assert drafts(trained) == []
    assert not (trained / ".snowmelt" / "sample").exists()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_torchrun_shares_the_samples(trained: Path) -> None:
    command = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    done = subprocess.run(
        [sys.executable, *command, "-m", "snowmelt", *TYPED, "out=shared"],
        cwd=trained,
        env=clean_environment({"OMP_NUM_THREADS": "1"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = np.load(trained / "shared" / "samples.npy")
    assert np.array_equal(found, np.load(trained / "whole" / "samples.npy"))
    assert os.path.samefile(done.stdout.splitlines()[-1][8:], trained / "shared")
