"""What a probe of the speed has found, kept for the same machine and for the same training.

A training that goes on keeps the numbers that it began in, on whatever machine; another
one of the same network and batch on the same machine need not be probed for again.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from snowmelt.common import distributed
from snowmelt.common.compiler import has_compiler
from snowmelt.common.errors import UserError
from snowmelt.common.files import write_json
from snowmelt.common.records import content_digest
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.training.settings import OPEN, FitSettings, TrainerSettings
from snowmelt.training.speed_probe import fastest, named

# How a group of processes is watched over, which takes no time of a step.
_OF_GROUPS = ("stall_seconds", "max_restarts")
# The keys that decide what is computed, and so what a compiled network is worth.
_NUMBERS = ("precision", "conv_precision", "compile")


def decided(
    settings: FitSettings,
    data: PreparedData,
    folder: Path,
    training: str,
    say: Callable[[str], None] = print,
) -> FitSettings:
    """The settings with every open key of the trainer decided.

    Args:
        folder: where findings are kept.
        training: the identity of the training as it was asked for.
        say: is told what was found, and how.

    Raises:
        UserError: a group of processes was started by something else, and none can find
            out for the others.
    """
    settings = _of_device(settings, folder / f"device-{training[:16]}.json")
    asked = settings.trainer
    if not asked.is_open:
        return settings
    question = content_digest({key: getattr(asked, key) for key in OPEN})
    of_training = folder / f"training-{training[:16]}-{question[:8]}.json"
    of_machine = folder / f"machine-{_key(settings, data)}.json"
    # The answer to a wider question, of the same numbers, will do for this one.
    wider = sorted(folder.glob(f"training-{training[:16]}-*.json"))
    read = (_read(path, asked) for path in (of_training, *wider, of_machine))
    found = next(filter(None, read), None)
    if found is not None:
        say(f"train: {named(found)}, as found before ({folder})")
    else:
        found = _probed(settings, data, say)
        _write(of_machine, found, asked)
    if distributed.rank() == 0:
        _write(of_training, found, asked)
    return settings.model_copy(update={"trainer": found})


def _of_device(settings: FitSettings, note: Path) -> FitSettings:
    """The settings with the numbers that the device decides.

    Args:
        note: of what the training began in, in which it goes on elsewhere too.
    """
    trainer = settings.trainer
    if trainer.precision != "bf16-on-gpu":
        return settings
    asked = trainer.without_probe().model_copy(update={"precision": trainer.precision})
    here = "bf16-mixed" if has_bf16(trainer) else "32-true"
    found = _read(note, asked) or asked.model_copy(update={"precision": here})
    if distributed.rank() == 0:
        _write(note, found, asked)
    decided = trainer.model_copy(update={"precision": found.precision})
    return settings.model_copy(update={"trainer": decided})


def has_bf16(trainer: TrainerSettings) -> bool:
    """Whether the training runs on a GPU here that computes in bfloat16 itself."""
    is_meant = trainer.accelerator in ("auto", "gpu", "cuda")
    return (
        is_meant
        and torch.cuda.is_available()
        and torch.cuda.is_bf16_supported(including_emulation=False)
    )


def _probed(
    settings: FitSettings, data: PreparedData, say: Callable[[str], None]
) -> TrainerSettings:
    if distributed.is_launched():
        raise UserError(
            "trainer: a key is auto, which one process finds out before there are several:"
            " run `snowmelt train` without torchrun, or set"
            f" {', '.join(f'trainer.{key}' for key in OPEN)}"
        )
    say("train: trying out what is fastest on this machine (trainer: auto)")
    found = fastest(_of_one_process(settings), data, lambda line: say(f"train:   {line}"))
    say(f"train: {named(found)}; kept for this machine")
    return found


def _of_one_process(settings: FitSettings) -> FitSettings:
    """The part of the batch that each process of a group will see."""
    share = max(settings.training.batch_size // settings.trainer.processes, 1)
    training = settings.training.model_copy(update={"batch_size": share})
    return settings.model_copy(update={"training": training})


def _key(settings: FitSettings, data: PreparedData) -> str:
    """Names what a finding depends on: the machine, torch, and what a step computes."""
    length = settings.training.steps, settings.training.minutes
    asked = settings.trainer.plain()
    described = {
        "asked": {key: asked[key] for key in asked if key not in _OF_GROUPS},
        "batch_size": settings.training.batch_size,
        "compiler": has_compiler(),
        "denoiser": settings.denoiser.plain(),
        "devices": [
            torch.cuda.get_device_name(number)
            for number in range(torch.cuda.device_count())
        ],
        "loss": settings.loss,
        "net": settings.net,
        "optimizer": settings.optimizer,
        "process": settings.process,
        "processor": processor_name(),
        "schedule": settings.schedule,
        "shape": list(data.manifest.shape),
        "length": length if settings.trainer.compile == "auto" else None,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    return content_digest(described)[:16]


def processor_name() -> str:
    """The processor, as the system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    told = ("vendor_id", "cpu family", "model", "model name", "stepping")
    named = [line.partition(":") for line in lines]
    first = {key.strip(): value.strip() for key, _, value in reversed(named)}
    parts = [first[key] for key in told if key in first]
    return " ".join(parts) or platform.processor() or platform.machine()


def _read(path: Path, asked: TrainerSettings) -> TrainerSettings | None:
    """What was found, in the trainer as it is asked for now.

    None if the note does not serve: it is missing or damaged, was not asked about one of
    the open keys, or was found beside other numbers than those that are given now.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        values = {key: content[key] for key in OPEN}
        known = set(content["asked"])
        open_keys = asked.open_keys
        is_of_these = all(
            values[key] == getattr(asked, key) for key in _NUMBERS if key not in open_keys
        )
        if not known.issuperset(open_keys) or not is_of_these:
            return None
        decided = {key: values[key] for key in open_keys}
        trainer = TrainerSettings.of(asked.plain() | decided)
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return None
    return None if trainer.is_open else trainer


def _write(path: Path, found: TrainerSettings, asked: TrainerSettings) -> None:
    """Note what was found, and which keys it was asked about."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {key: getattr(found, key) for key in OPEN}
    write_json(path, {"asked": asked.open_keys, **values})
