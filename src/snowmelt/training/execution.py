"""How the processor computes while a training runs, and as before when it is over."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch

from snowmelt.common.compiler import LACKING, has_compiler
from snowmelt.common.errors import UserError
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.training.checkpoint import build_denoiser
from snowmelt.training.settings import FitSettings, TrainerSettings


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


def why_not_compiled(denoiser: Denoiser) -> str | None:
    """What stands against compiling a network here; None if nothing does."""
    if not has_compiler():
        return LACKING
    if denoiser.schedule is not None:
        return "a learned schedule calls the network with weights that are held"
    return None


def compiled_where_possible(
    settings: FitSettings, manifest: Manifest, say: Callable[[str], None]
) -> FitSettings:
    """The settings, with `trainer.compile` false where nothing can be compiled here.

    So a training is named, and kept, as what it is.

    Args:
        say: is told why it is not compiled.
    """
    if settings.trainer.compile is not True:
        return settings
    denoiser = build_denoiser(settings.plain(), manifest.shape, manifest.classes)
    reason = why_not_compiled(denoiser)
    if reason is None:
        return settings
    say(f"train: the network is not compiled: {reason}")
    trainer = settings.trainer.model_copy(update={"compile": False})
    return settings.model_copy(update={"trainer": trainer})


def compile_network(denoiser: Denoiser) -> None:
    """Compile the network in its place, under the names of its weights.

    Raises:
        UserError: it cannot be compiled here.
    """
    if (reason := why_not_compiled(denoiser)) is not None:
        raise UserError(f"trainer.compile=true, but {reason}: set trainer.compile=false")
    denoiser.net.compile(dynamic=False)
