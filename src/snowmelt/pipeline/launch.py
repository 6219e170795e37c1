"""Starting a stage as a group of processes, by torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common import distributed
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.common.yaml_files import dump_yaml


def wants_group(config: DictConfig) -> bool:
    """Whether the configuration asks for processes that nobody has started yet.

    Raises:
        UserError: several machines without torchrun on each.
    """
    trainer = config.trainer
    if distributed.is_launched():
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
    environment = environment_of_job(root) | {distributed.STARTED: "1"}
    threads = max((os.cpu_count() or 1) // config.trainer.processes, 1)
    environment.setdefault("OMP_NUM_THREADS", str(threads))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(dump_yaml(plain(config)), encoding="utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", str(config.trainer.processes)]
        command += ["-m", "snowmelt", stage, "--config", str(file)]
        code = subprocess.run(command, env=environment, check=False).returncode
    if code:
        raise UserError(
            f"{stage} failed in a group of {config.trainer.processes} processes"
        )


def environment_of_job(root: Path) -> dict[str, str]:
    """This process's environment without what ties it to a group of processes."""
    kept = {k: v for k, v in os.environ.items() if k not in distributed.RANK_VARIABLES}
    return kept | {"PROJECT_ROOT": str(root)}
