"""Checkpoints: everything that sampling needs, in one file that executes nothing.

A file holds the raw and the averaged weights, those of a learned schedule, the
configuration that built the network, the manifest of the data and the identity of the
training. It is read with torch's restricted unpickler, which knows tensors and plain
containers only.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from snowmelt.common import public_names
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_file, require
from snowmelt.common.instantiate import build
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process
from snowmelt.nets.net import Net

FORMAT = 1
BUILT_FROM = {"schedule", "process", "prediction", "net"}
Weights = Literal["ema", "raw"]


@dataclass(frozen=True)
class Checkpoint:
    """A trained network and what it was trained on and with.

    Attributes:
        identity: names the training: a digest of its configuration, data and code.
        step: the optimiser steps that were taken.
        config: the sections of the configuration that the training read.
        manifest: the manifest of the data, for its shape and scaling.
        raw: the weights of the last step.
        ema: their exponential moving average.
        schedule: the state of a learned schedule; empty for every other. There is one for
            both sets of weights: a schedule is not averaged.
        processes: how many trained it; several numbers where groups of different sizes
            went on one after another. They decide the order of sums, so the last digits.
    """

    identity: str
    step: int
    config: dict[str, Any]
    manifest: Manifest
    raw: dict[str, Tensor]
    ema: dict[str, Tensor]
    schedule: dict[str, Tensor] = field(default_factory=dict)
    processes: list[int] = field(default_factory=lambda: [1])

    def denoiser(self, weights: Weights = "ema") -> Denoiser:
        """The denoiser with the averaged or the raw weights, in evaluation mode.

        Raises:
            UserError: there are no such weights, or they do not fit the network.
        """
        if weights not in ("ema", "raw"):
            raise UserError(f"sample.weights must be ema or raw, got '{weights}'")
        manifest = self.manifest
        denoiser = build_denoiser(self.config, manifest.shape, manifest.classes)
        try:
            denoiser.net.load_state_dict(self.ema if weights == "ema" else self.raw)
            if denoiser.schedule is not None:
                denoiser.schedule.load_state_dict(self.schedule)
                # Its curve is drawn, written down and walked along, but no more trained.
                denoiser.schedule.requires_grad_(False)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(
                f"the checkpoint's weights do not fit its network: {reason}"
            ) from error
        return denoiser.eval()


def build_denoiser(
    config: Mapping[str, Any],
    shape: tuple[int, ...],
    classes: Sequence[str] | None = None,
) -> Denoiser:
    """The untrained denoiser that a configuration describes, for events of `shape`.

    Args:
        config: the sections schedule, process, prediction, net and, if there is one,
            denoiser.
        shape: the event shape.
        classes: the names of the data's classes, if it has any.

    Raises:
        UserError: a part of the configuration is refused, or the network is to know
            classes and there are none.
    """
    schedule = build(config["schedule"], NoiseSchedule)
    process = build(config["process"], Process, schedule=schedule)
    prediction = build(config["prediction"], Prediction)
    asked = config.get("denoiser", {})
    learned_variance = bool(asked.get("learned_variance", False))
    conditional = bool(asked.get("conditional", False))
    if conditional and not classes:
        raise UserError(
            "denoiser.conditional=true needs the classes of the data, and it has none: give"
            " labels with the data, or set denoiser.conditional=false"
        )
    net = build(
        config["net"],
        Net,
        shape=tuple(shape),
        outputs=2 if learned_variance else 1,
        classes=len(classes) if conditional and classes else 0,
    )
    return Denoiser(net, process, prediction, learned_variance)


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the same content gives the same bytes."""
    content = {
        "format": FORMAT,
        "identity": checkpoint.identity,
        "step": checkpoint.step,
        "config": _canonical(checkpoint.config),
        "manifest": _canonical(checkpoint.manifest.to_dict()),
        "raw": _detached(checkpoint.raw),
        "ema": _detached(checkpoint.ema),
        "schedule": _detached(checkpoint.schedule),
        "processes": list(checkpoint.processes),
    }
    # Through memory: torch writes a file's name into the file.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with new_file(path) as draft:
        draft.write_bytes(buffer.getvalue())


def _canonical(content: Any) -> Any:
    """Equal content, equal bytes: pickle sees whether two equal texts are one object."""
    return json.loads(json.dumps(content, sort_keys=True))


def _detached(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in weights.items()}


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint; its `denoiser()` is ready to sample from.

    Raises:
        UserError: the file is missing, is no checkpoint of this program, or contains
            anything but tensors and plain data.
    """
    path = require(Path(path), made_by="train")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make the unpickler fail in every way
        # Not the loader's own words: they advise to load without its protection.
        kind = type(error).__name__
        raise UserError(
            f"{path} is not a readable checkpoint: it is another kind of file, damaged, or"
            f" holds more than tensors and plain data ({kind})"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(
            f"{path} is not a checkpoint of snowmelt (format {FORMAT}): give the model.ckpt"
            " that `snowmelt train` writes"
        )
    config = content.get("config")
    if isinstance(config, dict) and not config.keys() >= BUILT_FROM:
        lacking = ", ".join(f"config.{name}" for name in sorted(BUILT_FROM - config.keys()))
        raise UserError(f"{path} is an incomplete checkpoint: it lacks {lacking}")
    try:
        return Checkpoint(
            identity=str(content["identity"]),
            step=int(content["step"]),
            config=public_names.with_current_keys(content["config"]),
            manifest=Manifest.from_dict(content["manifest"], where=str(path)),
            raw=content["raw"],
            ema=content["ema"],
            # A file from before schedules were learned has none.
            schedule=content.get("schedule", {}),
            # Nor one from before this was written down.
            processes=list(content.get("processes", [1])),
        )
    except KeyError as error:
        raise UserError(f"{path} is an incomplete checkpoint: it lacks {error}") from error
