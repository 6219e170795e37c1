"""A rank that dies: the others end with it, or the group goes on to the same bytes."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project import TINY, in_process, make_workspace
from tests.step_kills import MARKS, StepKill, environment

COMMAND = (
    "train",
    *TINY,
    "tracking=none",
    "likelihood=none",
    "net.dropout=0.1",
    "trainer=ddp",
    "trainer.accelerator=cpu",
    "trainer.max_restarts=1",
)
AT_STEP_25 = StepKill(25 * MARKS - 1, rank=1, all=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with prepared data and a model that two processes trained undisturbed."""
    folder = make_workspace(tmp_path_factory.mktemp("deaths") / "project")
    in_process("prepare", cwd=folder)
    in_process(*COMMAND, "out=straight", cwd=folder)
    shutil.rmtree(folder / ".snowmelt")
    return folder


def made(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def killed(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., tuple[str, str]]:
    """Trains in a group that this process starts, whose rank 1 is killed at step 25.

    Gives what was printed and what was said of errors, by this process and the group.
    """

    def run(*given: str, status: int) -> tuple[str, str]:
        armed, note = environment(tmp_path, AT_STEP_25)
        with monkeypatch.context() as patch:
            for name in ("PYTHONPATH", "STEP_KILL"):
                patch.setenv(name, armed[name])
            said = in_process(*COMMAND, *given, cwd=project, status=status)
        assert note.exists(), "the moment came"
        printed = capfd.readouterr()
        return said + printed.out, printed.err

    return run


def test_a_dead_rank_ends_the_others_within_seconds_and_is_named(
    project: Path, tmp_path: Path, killed: Callable[..., tuple[str, str]]
) -> None:
    """Without a restart; the same command goes on from the saved state."""
    _, errors = killed("trainer.max_restarts=0", "out=ended", status=2)
    ended = time.time()
    (note,) = tmp_path.glob("killed-*")
    assert ended - float(note.read_text()) < 30
    said = [line for line in errors.splitlines() if "snowmelt train:" in line]
    assert said == [
        "snowmelt train: error: rank 1 of 2 was ended by SIGKILL, as the system does for"
        " lack of memory"
    ]
    assert "Traceback" not in errors
    in_process(*COMMAND, "out=ended", cwd=project)
    assert made(project / "ended") == made(project / "straight")
    shutil.rmtree(project / ".snowmelt")


def test_a_group_that_is_started_again_ends_in_the_same_bytes(
    project: Path, killed: Callable[..., tuple[str, str]]
) -> None:
    printed, errors = killed("out=again", status=0)
    assert "the group is started again (trainer.max_restarts: 0 left)" in errors
    assert "going on from the saved state" in printed
    assert made(project / "again") == made(project / "straight")
    shutil.rmtree(project / ".snowmelt")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def test_two_machines_of_torchrun_go_on_after_a_death(
    project: Path, tmp_path: Path
) -> None:
    """Two agents that meet by the c10d rendezvous, as on two machines that share files."""
    armed, note = environment(tmp_path, AT_STEP_25)
    armed["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nnodes=2",
        "--nproc-per-node=1",
        "--max-restarts=3",
        "--rdzv-backend=c10d",
        f"--rdzv-endpoint=127.0.0.1:{free_port()}",
        "--rdzv-id=snowmelt-test",
        "-m",
        "snowmelt",
        *COMMAND,
        "out=machines",
    ]
    agents = [
        subprocess.Popen(
            command, cwd=project, env=armed, stdout=-1, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    try:
        said = [agent.communicate(timeout=400)[0] for agent in agents]
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()
    assert [agent.returncode for agent in agents] == [0, 0], "\n".join(said)
    assert note.exists()
    assert sum(one.count("going on from the saved state") for one in said) == 1
    one, other = made(project / "machines"), made(project / "straight")
    # torchrun's processes compose, and name the settings in another order.
    records = [json.loads(files.pop("model.json")) for files in (one, other)]
    assert one == other
    assert records[0] == records[1]
    shutil.rmtree(project / ".snowmelt")
