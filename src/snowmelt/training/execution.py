"""How the processor computes while a training runs, and as before when it is over."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any, cast

import torch

from snowmelt.common import distributed
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.training.settings import TrainerSettings


@contextlib.contextmanager
def computing(trainer: TrainerSettings) -> Iterator[None]:
    """The threads, and the numbers inside convolutions, that a trainer asks for.

    Lightning's deterministic algorithms would fill every new tensor with NaN, so that
    reading one before it is written shows. That takes time in every operation and changes
    no number of a training that writes first, so it is left out.
    """
    mkldnn: Any = torch.backends.mkldnn
    convolution, memory = mkldnn.conv, cast(Any, torch.utils.deterministic)
    before = convolution.fp32_precision, memory.fill_uninitialized_memory
    threads = torch.get_num_threads()
    if isinstance(trainer.threads, int):
        torch.set_num_threads(trainer.threads)
    if trainer.conv_precision == "bf16":
        convolution.fp32_precision = "bf16"
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        convolution.fp32_precision, memory.fill_uninitialized_memory = before
        torch.set_num_threads(threads)


def has_compiler() -> bool:
    """Whether the C++ compiler that `torch.compile` calls is on this machine."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None


def why_not_compiled(denoiser: Denoiser) -> str | None:
    """What stands against compiling a network here; None if nothing does."""
    if not has_compiler():
        return "there is no C++ compiler here (install g++, or name one in CXX)"
    if denoiser.schedule is not None:
        return "a learned schedule calls the network with weights that are held"
    return None


def compile_network(denoiser: Denoiser) -> None:
    """Compile the network in its place, under the names of its weights, or say why not."""
    reason = why_not_compiled(denoiser)
    if reason is None:
        denoiser.net.compile(dynamic=False)
    elif distributed.rank() == 0:
        print(f"train: the network is not compiled: {reason}", file=sys.stderr)
