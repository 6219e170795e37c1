"""A group of processes: one clear line for a failure, and none that hangs in silence."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.pipeline import launch

HEAD = """
import os, signal, sys, time
from snowmelt.common.rank_reports import Reporter
rank, here = int(os.environ["RANK"]), Reporter()
"""
ENDS = {
    "mistake": """
if rank == 1:
    here.end("error", "the data is gone"); sys.exit(2)
time.sleep(0.3)
here.end("defect", "RuntimeError: Connection closed by peer", "LATER", True)
sys.exit(1)
""",
    "defect": """
if rank == 0:
    time.sleep(0.3)
    here.end("defect", "DistNetworkError: lost", "LATER", True)
    sys.exit(1)
here.end("defect", "ZeroDivisionError: division by zero", "TRACEBACK OF 1"); sys.exit(1)
""",
    "killed": """
if rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(60)
""",
    "silent": """
sys.exit(7 if rank == 1 else 0)
""",
    "well": "",
    "long": """
here.mark("begun"); time.sleep(2)
""",
    "behind": """
for step in range(3 - rank):
    here.mark(f"backward of step {step}")
while True:
    here.beat(); time.sleep(0.05)
""",
    "frozen": """
here.mark("forward of step 1"); here.beat()
while True:
    if rank == 0: here.beat()
    time.sleep(0.05)
""",
}


# Rank 0 does something alone, and says so, while rank 1 waits for it.
ALONE = """
here.mark(f"{('backward', 'end')[rank]} of step 2"); here.beat()
if rank: here.mark("forward of step 3")
for part in range(8):
    time.sleep(0.5); here.beat()
    if rank == 0: here.progress("picture of samples after step 2")
"""
# Or it stays there.
STUCK = """
while True:
    time.sleep(0.05); here.beat()
"""
KEPT = """
if rank == 0: here.keep("the state after step 1")
"""


@pytest.fixture
def config() -> DictConfig:
    return OmegaConf.create({"trainer": {"processes": 2, "stall_seconds": 60.0}})


def run(
    config: DictConfig,
    body: str,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str = "train",
) -> None:
    command = [sys.executable, "-c", HEAD + body]
    monkeypatch.setattr(launch, "_command", lambda *_: command)
    monkeypatch.setattr(launch, "AFTERMATH", 2.0)
    launch.run_group(stage, config, root)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("mistake", "rank 1 of 2: the data is gone"),
        ("defect", "rank 1 of 2: ZeroDivisionError: division by zero"),
        (
            "killed",
            "rank 1 of 2 was ended by SIGKILL, as the system does for lack of memory",
        ),
        ("silent", "rank 1 of 2 ended with status 7"),
    ],
)
def test_the_first_failure_is_told_alone(
    config: DictConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    how: str,
    said: str,
) -> None:
    with pytest.raises(UserError) as refused:
        run(config, ENDS[how], tmp_path, monkeypatch)
    assert str(refused.value) == said
    printed = capfd.readouterr()
    assert printed.out + printed.err == ("TRACEBACK OF 1\n" if how == "defect" else "")


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ("behind", "rank 1 (backward of step 1) of 2"),
        ("frozen", "rank 1 (forward of step 1) of 2"),
    ],
)
def test_a_group_that_hangs_is_ended_and_the_late_one_named(
    config: DictConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    named: str,
) -> None:
    config.trainer.stall_seconds = 3.0
    with pytest.raises(
        UserError, match="no process of the group made any progress"
    ) as said:
        run(config, ENDS[how], tmp_path, monkeypatch)
    assert named in str(said.value)
    assert "trainer.stall_seconds" in str(said.value)


def test_what_one_process_does_alone_is_progress(
    config: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.trainer.stall_seconds = 2.0
    run(config, ALONE, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("before", "then"),
    [
        (KEPT, "goes on from the state after step 1"),
        ("", "begins anew, since nothing was saved yet"),
    ],
)
def test_one_that_hangs_in_it_is_named_by_it(
    config: DictConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    then: str,
) -> None:
    """What is kept is said where something is."""
    config.trainer.stall_seconds = 2.0
    with pytest.raises(UserError, match="made any progress for 2 s") as said:
        run(config, before + ALONE + STUCK, tmp_path, monkeypatch)
    assert "it waited for rank 0 (picture of samples after step 2) of 2" in str(said.value)
    assert str(said.value).endswith(f"The same command {then}")


@pytest.mark.parametrize(
    ("stage", "is_watched"),
    [("train", True), ("sample", True), ("reference", False), ("evaluate", False)],
)
def test_only_stages_that_say_what_they_are_at_are_watched(
    config: DictConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    is_watched: bool,
) -> None:
    config.trainer.stall_seconds = 1.0
    ends = pytest.raises(UserError, match="made any progress")
    with ends if is_watched else contextlib.nullcontext():
        run(config, ENDS["long"], tmp_path, monkeypatch, stage)


def test_what_goes_well_says_nothing(
    config: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(config, ENDS["well"], tmp_path, monkeypatch)


def test_a_stop_is_handed_on_and_what_was_reached_comes_back(
    config: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
from snowmelt.common import stopping
try:
    with stopping.in_good_order():
        if rank == 0: os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)
except stopping.Stopped:
    here.end("stopped", "after step 3"); sys.exit(130)
"""
    with pytest.raises(stopping.Stopped, match=r"^after step 3$"), stopping.in_good_order():
        run(config, body, tmp_path, monkeypatch)


def test_the_ranks_meet_at_the_starters_store(
    config: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []
    start = stopping.start
    monkeypatch.setattr(
        stopping, "start", lambda c, e, **o: seen.append(dict(e)) or start(c, e, **o)
    )
    run(config, ENDS["well"], tmp_path, monkeypatch)
    assert [one["RANK"] for one in seen] == ["0", "1"]
    assert {one["WORLD_SIZE"] for one in seen} == {"2"}
    assert {one["PROJECT_ROOT"] for one in seen} == {os.fspath(tmp_path)}


# Rank 1 dies in its first two lives, as the notes in the project's folder count them.
MORTAL = """
from pathlib import Path
here_is = Path(os.environ["PROJECT_ROOT"])
life = len(list(here_is.glob(f"{rank}.*")))
(here_is / f"{rank}.{life}").touch()
if rank == 1 and life < 2:
    HOW
"""
DEATHS = {
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "defect": 'here.end("defect", "ZeroDivisionError: division by zero"); sys.exit(1)',
    "mistake": 'here.end("error", "the data is gone"); sys.exit(2)',
}


@pytest.mark.parametrize("how", ["killed", "defect"])
@pytest.mark.parametrize("restarts", [1, 2])
def test_a_group_is_started_again_as_often_as_allowed(
    config: DictConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    how: str,
    restarts: int,
) -> None:
    config.trainer.max_restarts = restarts
    body = MORTAL.replace("HOW", DEATHS[how])
    if restarts == 1:
        with pytest.raises(UserError, match="rank 1 of 2"):
            run(config, body, tmp_path, monkeypatch)
    else:
        run(config, body, tmp_path, monkeypatch)
    assert len(list(tmp_path.glob("1.*"))) == restarts + 1
    said = capfd.readouterr().err.splitlines()
    assert len(said) == restarts
    for number, line in enumerate(said, start=1):
        assert line.startswith("snowmelt train: rank 1 of 2")
        left = f"is started again (trainer.max_restarts: {restarts - number} left)"
        assert line.endswith(left)


def test_a_mistake_is_not_tried_again(
    config: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.trainer.max_restarts = 5
    body = MORTAL.replace("HOW", DEATHS["mistake"])
    with pytest.raises(UserError, match="the data is gone"):
        run(config, body, tmp_path, monkeypatch)
    assert len(list(tmp_path.glob("1.*"))) == 1


@pytest.mark.parametrize(
    ("shared", "restarts", "is_refused"),
    [("True", "3", True), ("False", "3", False), ("True", "0", False)],
)
def test_a_torchrun_whose_restarts_cannot_work_is_refused(
    config: DictConfig,
    monkeypatch: pytest.MonkeyPatch,
    shared: str,
    restarts: str,
    is_refused: bool,
) -> None:
    """One store for all rounds: gloo finds in it the addresses of the dead, and hangs."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", shared)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", restarts)
    if is_refused:
        with pytest.raises(UserError, match="TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"):
            launch.wants_group(config)
    else:
        assert not launch.wants_group(config)
