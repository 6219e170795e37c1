"""A word before another training takes the place of a finished one, and begins anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.training.model_record import CHECKPOINT, RECORD
from snowmelt.training.settings import FitSettings

SHOWN = 3  # differences that the line names
# What decides nothing about the weights, or is told by another line; and of the section
# trainer, which is about the machine, what does.
_ASIDE = ("training.checkpoint_every", "training.start_from")
_NUMBERS = ("trainer.precision", "trainer.conv_precision", "trainer.compile")


def warning(target: Path, settings: FitSettings, manifest: Manifest) -> str | None:
    """Which finished training will be replaced, and why this is another; None for none.

    Args:
        target: the folder of the checkpoint.
        settings, manifest: of the training that is about to begin.
    """
    if not (target / RECORD).is_file():
        return None
    try:
        before = read_json(target / RECORD, made_by="train")
        config, step, data = before["config"], before["step"], before["made_from"]["data"]
        differing = list(_differences(config, settings.plain()))
    except (UserError, OSError, KeyError, TypeError, AttributeError):
        return None
    reasons = differing[:SHOWN]
    if more := len(differing) - len(reasons):
        reasons.append(f"and {more} more")
    if data != manifest.digest:
        reasons.insert(0, "the data")
    differ = ", ".join(reasons) or "the program itself"
    return (
        f"{target} holds a finished training of {step:,} steps, and this is another"
        f" (what differs: {differ}): it begins with its first step and will take that"
        " one's place; to keep it give another folder by out=DIR, and to go on from its"
        f" weights also training.start_from={target / CHECKPOINT}"
    )


def _differences(before: Any, now: Any, key: str = "") -> Iterator[str]:
    """The values that differ and decide the weights: `training.steps 40 -> 60`."""
    if key in _ASIDE or (key.startswith("trainer.") and key not in _NUMBERS):
        return
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys((*now, *before)):
            inner = f"{key}.{name}" if key else str(name)
            yield from _differences(before.get(name), now.get(name), inner)
    elif before != now:
        yield f"{key} {before} -> {now}"
