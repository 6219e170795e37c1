"""What the machine is, and how fast it multiplies."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

INSTRUCTION_SETS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2", "sve", "asimd")
SIZE = 2048
AUTOGROUP = Path("/proc/sys/kernel/sched_autogroup_enabled")


def described() -> dict[str, Any]:
    """The processor, its instruction sets that matter here, and how busy it is."""
    from snowmelt.training.speed_finding import processor_name

    return {
        "processor": processor_name(),
        "instruction_sets": instruction_sets(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "load": load(),
        **autogroup(),
    }


def told(machine: dict[str, Any]) -> str:
    """The machine that was described, in words."""
    groups = machine.get("autogroup")
    grouping = "" if groups is None else f", kernel.sched_autogroup_enabled={groups}"
    return (
        f"{machine['processor']} ({', '.join(machine['instruction_sets'])}),"
        f" {machine['threads']} threads on {machine['cores']} processors, torch"
        f" {machine['torch']}{grouping}"
    )


def autogroup(path: Path = AUTOGROUP) -> dict[str, int]:
    """Whether Linux shares the processor among terminals before it does among processes.

    It decides what a busy neighbour takes: one of another terminal half of it, however many
    threads there are here. Nothing where the system has no such file.
    """
    try:
        return {"autogroup": int(path.read_text(encoding="ascii"))}
    except OSError:
        return {}


def load() -> list[float]:
    """The load average: how many processes wanted a core in the last 1, 5, 15 minutes."""
    return [round(one, 2) for one in os.getloadavg()]


def instruction_sets() -> list[str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            words = set(file.read().split())
    except OSError:
        return []
    return [name for name in INSTRUCTION_SETS if name in words]


def product(how: str) -> tuple[Callable[[], None], dict[str, Any]]:
    """A product of two square matrices, and what it costs."""
    dtype = torch.float32 if how == "fp32" else torch.bfloat16
    left, right = torch.randn(2, SIZE, SIZE).to(dtype)

    def step() -> None:
        torch.mm(left, right)

    return step, {"flops": 2 * SIZE**3}
