"""Starting a stage as a group of processes, and watching over it.

This process hosts the store where they meet, as torchrun's agent does; they join it by the
same variables. No process stands between them and this one, so that they end when this one
does, and so that the first failure can be told from those that follow from it.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from snowmelt.common import distributed, stopping
from snowmelt.common.drafts import scratch_folder
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.common.rank_reports import End, Watch
from snowmelt.common.yaml_files import dump_yaml
from snowmelt.pipeline.compatibility import issues

if TYPE_CHECKING:
    from torch.distributed import TCPStore

Processes = Sequence["subprocess.Popen[bytes]"]
POLL = 0.1
# Seconds that the others have to say what they failed of once one has.
AFTERMATH = 5.0
# Stages whose processes say all along what they are at.
MARKED = ("train", "sample")


class Died(UserError):
    """A process of a group ended, or hung, for a reason that may not come again."""


def wants_group(config: DictConfig) -> bool:
    """Whether the configuration asks for processes that nobody has started yet.

    Raises:
        UserError: several machines without torchrun on each, or a torchrun whose restarts
            cannot work.
    """
    trainer = config.trainer
    if distributed.is_launched():
        _check_restarts()
        return False
    if trainer.num_nodes > 1:
        raise UserError(
            f"trainer.num_nodes={trainer.num_nodes}: start the command by torchrun on each"
            " machine (`torchrun --nnodes ... -m snowmelt train ...`)"
        )
    return trainer.processes > 1


def _check_restarts() -> None:
    """Refuse restarts by torchrun in which the living meet the addresses of the dead.

    By default one store serves all rounds, and nothing in it is forgotten between them.
    """
    is_shared = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if is_shared and int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0:
        raise UserError(
            "torchrun --max-restarts: processes that are started again would look for those"
            " that died; set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 where torchrun is started"
        )


def run_group(stage: str, config: DictConfig, root: Path) -> None:
    """Run a stage in a group of processes on this machine, and wait for it.

    A group of which a process died is started again, as often as the configuration allows:
    a training goes on from its last saved state. A user's mistake would only come again.
    Whether it makes progress is watched where every process goes through the same marks.

    Raises:
        UserError: a process failed or made no progress; it is named.
        Stopped: this process was asked to stop, and the group has ended in good order.
    """
    left = config.trainer.get("max_restarts", 0)
    while True:
        try:
            return _run_once(stage, config, root)
        except Died as death:
            if not left:
                raise
            left -= 1
            print(
                f"snowmelt {stage}: {death}; the group is started again"
                f" (trainer.max_restarts: {left} left)",
                file=sys.stderr,
                flush=True,
            )


def _run_once(stage: str, config: DictConfig, root: Path) -> None:
    count = config.trainer.processes
    with scratch_folder() as folder:
        file = folder / "config.yaml"
        file.write_text(dump_yaml(plain(config)), encoding="utf-8")
        command = _command(stage, file)
        store = _store(count)
        shared = environment_of_job(root) | _meeting(store.port, count, folder)
        processes = [
            stopping.start(command, shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
            for rank in range(count)
        ]
        watch = Watch(folder, count)
        try:
            with stopping.ending(processes):
                limit = config.trainer.get("stall_seconds", 600.0)
                _wait(processes, watch, limit if stage in MARKED else math.inf)
        except stopping.Stopped as stop:
            said = watch.end_of(0)
            raise stopping.Stopped(said.text if said else str(stop)) from None


def _command(stage: str, file: Path) -> list[str]:
    return [sys.executable, "-m", "snowmelt", stage, "--config", str(file)]


def _store(count: int) -> TCPStore:
    """Where the processes of a group find each other, on a free port of this machine."""
    from torch.distributed import TCPStore

    return TCPStore("127.0.0.1", 0, count, is_master=True, wait_for_workers=False)


def _meeting(port: int, count: int, folder: Path) -> dict[str, str]:
    """The variables that torchrun would set for every process."""
    threads = max((os.cpu_count() or 1) // count, 1)
    return {
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "snowmelt",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
        distributed.STARTED: str(folder),
    }


def _wait(processes: Processes, watch: Watch, limit: float) -> None:
    """Wait for the group; the first failure, or the lack of progress, ends it."""
    while None in (codes := [process.poll() for process in processes]) and not any(codes):
        watch.look()
        if late := watch.late(limit):
            for process in processes:
                process.kill()
            raise Died(_stall(late, watch, len(processes), limit))
        time.sleep(POLL)
    if any(codes):
        _settle(processes)
        raise _failure(processes, [watch.end_of(r) for r in range(len(processes))])


def _settle(processes: Processes) -> None:
    """Give the others of a failed group the time to say of what they failed."""
    deadline = time.monotonic() + AFTERMATH
    while time.monotonic() < deadline and any(p.poll() is None for p in processes):
        time.sleep(POLL)
    codes = [process.poll() for process in processes]
    stopping.end(processes, AFTERMATH)
    # Those that had to be ended have not failed.
    for process, code in zip(processes, codes, strict=True):
        if code is None:
            process.returncode = 0


def _failure(processes: Processes, ends: Sequence[End | None]) -> BaseException:
    """The failure that the others follow from."""
    count = len(processes)
    for rank, (process, end) in enumerate(zip(processes, ends, strict=True)):
        if end is None and process.returncode < 0:
            name = signal.Signals(-process.returncode).name
            hint = ", as the system does for lack of memory" if name == "SIGKILL" else ""
            return Died(f"rank {rank} of {count} was ended by {name}{hint}")
    said = {r: end for r, end in enumerate(ends) if end is not None}
    failed = {r: end for r, end in said.items() if end.kind != "stopped"}
    if not failed and said:
        return stopping.Stopped(said[min(said)].text)
    first = {r: end for r, end in failed.items() if not end.follows} or failed
    for rank, end in first.items():
        if end.details:
            print(end.details, file=sys.stderr)
        kind = UserError if end.kind == "error" else Died
        return kind(f"rank {rank} of {count}: {end.text}")
    codes = {r: p.returncode for r, p in enumerate(processes) if p.returncode}
    rank, code = next(iter(codes.items()))
    return Died(f"rank {rank} of {count} ended with status {code}")


def _stall(late: Sequence[int], watch: Watch, count: int, limit: float) -> str:
    names = " and ".join(f"rank {r} ({watch.last_mark(r)})" for r in late)
    kept = watch.kept()
    then = f"goes on from {kept}" if kept else "begins anew, since nothing was saved yet"
    return (
        f"no process of the group made any progress for {limit:g} s"
        f" (trainer.stall_seconds); it waited for {names} of {count} and was ended. The"
        f" same command {then}"
    )


def environment_of_job(root: Path) -> dict[str, str]:
    """This process's environment without what ties it to a group of processes."""
    kept = {k: v for k, v in os.environ.items() if k not in distributed.RANK_VARIABLES}
    return kept | {"PROJECT_ROOT": str(root)} | issues.said_before()
