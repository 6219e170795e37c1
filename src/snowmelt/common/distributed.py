"""Starting several processes, by torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain

RANK_VARIABLES = (
    "RANK",
    "LOCAL_RANK",
    "GROUP_RANK",
    "ROLE_RANK",
    "NODE_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "ROLE_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "PL_GLOBAL_SEED",
)


STARTED = "SNOWMELT_GROUP"


def speaks() -> bool:
    """Whether this process tells the user how the command ended.

    One process of a group does, unless the command started the group itself: then the one
    that waits for the group does.
    """
    return rank() == 0 and STARTED not in os.environ


def is_launched() -> bool:
    """Whether torchrun (or a cluster) has started this process as one of a group."""
    return "WORLD_SIZE" in os.environ


def rank() -> int:
    """The number of this process in its group; 0 without one."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """The number of this process on its machine; 0 without a group."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def world_size(config: DictConfig) -> int:
    """The number of processes that train together."""
    if is_launched():
        return int(os.environ["WORLD_SIZE"])
    return int(config.trainer.processes)


def wants_group(config: DictConfig) -> bool:
    """Whether the configuration asks for processes that nobody has started yet.

    Raises:
        UserError: a number of processes or of machines that is not positive, or several
            machines without torchrun on each.
    """
    trainer = config.trainer
    if trainer.processes < 1 or trainer.num_nodes < 1:
        raise UserError(
            "trainer.processes and trainer.num_nodes must be at least 1, got"
            f" {trainer.processes}, {trainer.num_nodes}"
        )
    if is_launched():
        return False
    if trainer.num_nodes > 1:
        raise UserError(
            f"trainer.num_nodes={trainer.num_nodes}: start the command by torchrun on each"
            " machine (`torchrun --nnodes ... -m snowmelt train ...`)"
        )
    return trainer.processes > 1


def run_group(stage: str, config: DictConfig, root: Path) -> None:
    """Run a stage in a group of processes on this machine, and wait for it.

    Raises:
        UserError: it failed; the processes have said why.
    """
    environment = {k: v for k, v in os.environ.items() if k not in RANK_VARIABLES}
    environment.setdefault("OMP_NUM_THREADS", str(_threads(config.trainer.processes)))
    environment |= {"PROJECT_ROOT": str(root), STARTED: "1"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(yaml.safe_dump(plain(config)), encoding="utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", str(config.trainer.processes)]
        command += ["-m", "snowmelt", stage, "--config", str(file)]
        code = subprocess.run(command, env=environment, check=False).returncode
    if code:
        raise UserError(
            f"{stage} failed in a group of {config.trainer.processes} processes"
        )


def _threads(processes: int) -> int:
    """An equal share of the processor's cores."""
    return max((os.cpu_count() or 1) // processes, 1)
