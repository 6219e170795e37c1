"""Checkpoints: everything that sampling needs, in one file that executes nothing.

A file holds the raw and the averaged weights, those of a learned schedule, the
configuration that built the network, the manifest of the data and the identity of the
training. It is read with torch's restricted unpickler, which knows tensors and plain
containers only.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from snowmelt.common import public_names
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_file, require
from snowmelt.common.instantiate import build
from snowmelt.common.tensor_files import read_tensors
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import Interpolant
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process
from snowmelt.nets.net import Net
from snowmelt.nets.weights import DoNotFit, check_fit, no_larger_than
from snowmelt.training.checkpoint_content import KINDS, check_content
from snowmelt.training.weight_sets import names
from snowmelt.training.weight_sets.names import Weights
from snowmelt.training.weight_sets.snapshots import Snapshot, posthoc

if TYPE_CHECKING:
    from snowmelt.data.prepared.start_points import StartPoints

FORMAT = 1
SECOND_ANSWER = "score"  # what the network of a bridge answers beside the flow
# The weights of earlier trainings that computed in other numbers throughout.
_DTYPES = {"bf16-true": torch.bfloat16, "16-true": torch.float16, "64-true": torch.float64}
_AGAIN = "run `snowmelt train` again, or name another"


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
        seconds: what its steps took, where the clock has ended it, which nobody can repeat
            to the byte; None for every other.
        further: the weights of further averages, by their decay.
        snapshots: averages that any length is made of: `snowmelt.training.averages`.
        start: the manifest of the data that its way begins with; None for normal noise.
        has_score: whether it is a diffusion, which knows a score.
        lineage: the trainings that this one started from, the oldest first, each with its
            `identity`, `step`, `data` and digests; empty where it started from nothing.
    """

    identity: str
    step: int
    config: dict[str, Any]
    manifest: Manifest
    raw: dict[str, Tensor]
    ema: dict[str, Tensor]
    schedule: dict[str, Tensor] = field(default_factory=dict)
    processes: list[int] = field(default_factory=lambda: [1])
    seconds: float | None = None
    further: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)
    start: Manifest | None = None
    has_score: bool = True
    lineage: list[dict[str, Any]] = field(default_factory=list)

    def denoiser(
        self, weights: Weights = "ema", starts: StartPoints | None = None
    ) -> Denoiser:
        """The denoiser with the averaged or the raw weights, in evaluation mode.

        Args:
            starts: where its way begins, if that is not normal noise; without them it can
                be asked, and not be sampled from.

        Raises:
            UserError: there are no such weights, or they do not fit the network.
        """
        manifest, dtype = self.manifest, weights_dtype(self.config)
        chosen = self.chosen(weights)
        try:
            with no_larger_than(chosen, self.schedule):
                denoiser = build_denoiser(self.config, manifest.shape, manifest.classes)
            check_fit(denoiser.net, chosen, dtype)
            denoiser.net.load_state_dict(chosen)
            if (schedule := denoiser.schedule) is not None:
                check_fit(schedule, self.schedule, dtype)
                schedule.load_state_dict(self.schedule)
                # Its curve is drawn, written down and walked along, but no more trained.
                schedule.requires_grad_(False)
        except (DoNotFit, RuntimeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(
                f"the checkpoint's weights do not fit its network: {reason}: {_AGAIN}"
            ) from error
        if self.start is not None:
            denoiser.start = starts or _without_starts
        denoiser.has_score = self.has_score
        return denoiser.eval()

    @property
    def clock_facts(self) -> dict[str, Any]:
        """What a record says of a training that the clock has ended; nothing of another."""
        if self.seconds is None:
            return {}
        return {"training_seconds": self.seconds, "is_repeatable": False}

    def chosen(self, weights: str) -> dict[str, Tensor]:
        """The weights of a name: `snowmelt.training.weight_sets.names`.

        Raises:
            UserError: there are no such weights; it says which there are.
        """
        decay, length = names.decay_in(weights), names.length_in(weights)
        if decay is not None and (digits := names.of_decay(decay)) in self.further:
            return self.further[digits]
        if length is not None and self.snapshots:
            return posthoc(self.snapshots, length)
        if weights in (names.EMA, names.RAW):
            return self.ema if weights == names.EMA else self.raw
        known = [names.EMA, names.RAW, *(f"ema_{decay}" for decay in self.further)]
        missing = (
            "kept no snapshots of its averages (training.ema.snapshots=16 keeps some)"
            if length is not None
            else "has no such weights (training.ema.further=[...] averages more)"
        )
        raise UserError(
            f"sample.weights={weights}: the training of this checkpoint {missing}; there"
            f" are {', '.join([*known, *(['posthoc_...'] if self.snapshots else [])])}"
        )


def build_denoiser(
    config: Mapping[str, Any],
    shape: tuple[int, ...],
    classes: Sequence[str] | None = None,
) -> Denoiser:
    """The untrained denoiser that a configuration describes, for events of `shape`.

    Args:
        config: the sections schedule, process, prediction, net and, if there are any,
            denoiser and interpolant.
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
    self_conditioned = bool(asked.get("self_conditioned", False))
    net = build_net(config, shape, classes)
    if not asked.get("with_score", False):
        return Denoiser(net, process, prediction, learned_variance, self_conditioned)
    interpolant = build(config["interpolant"], Interpolant)
    try:
        return BridgeDenoiser(net, process, prediction, interpolant)
    except ValueError as error:
        raise UserError(f"denoiser.with_score: {error}") from error


def build_net(
    config: Mapping[str, Any],
    shape: tuple[int, ...],
    classes: Sequence[str] | None = None,
) -> Net:
    """The untrained network alone; see `build_denoiser`."""
    asked = config.get("denoiser", {})
    conditional = bool(asked.get("conditional", False))
    if conditional and not classes:
        raise UserError(
            "denoiser.conditional=true needs the classes of the data, and it has none: give"
            " labels with the data, or set denoiser.conditional=false"
        )
    learned_variance = bool(asked.get("learned_variance", False))
    return build(
        config["net"],
        Net,
        shape=tuple(shape),
        inputs=2 if asked.get("self_conditioned", False) else 1,
        outputs=2 if learned_variance or asked.get("with_score", False) else 1,
        classes=len(classes) if conditional and classes else 0,
    )


def _without_starts(index: Tensor, seed: int) -> Tensor:
    """Stands where a checkpoint begins with data that is not at hand."""
    raise UserError(
        "this model begins with other data than normal noise: give it the prepared starts"
        " (`snowmelt sample` finds them beside the prepared data)"
    )


def weights_dtype(config: Mapping[str, Any]) -> torch.dtype:
    """In what numbers the training kept the weights."""
    return _DTYPES.get(config.get("trainer", {}).get("precision"), torch.float32)


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the same content gives the same bytes."""
    content = {
        "format": FORMAT,
        "identity": checkpoint.identity,
        "step": checkpoint.step,
        "config": _sorted(checkpoint.config),
        "manifest": _sorted(checkpoint.manifest.to_dict()),
        "raw": checkpoint.raw,
        "ema": checkpoint.ema,
        "schedule": checkpoint.schedule,
        "processes": checkpoint.processes,
        "seconds": checkpoint.seconds,
        "further": checkpoint.further,
        "snapshots": checkpoint.snapshots,
        "lineage": _sorted(checkpoint.lineage),
    }
    if checkpoint.start is not None:
        content["start"] = _sorted(checkpoint.start.to_dict())
    if not checkpoint.has_score:
        content["has_score"] = False
    if _knows_the_bridge(content):
        content["second_answer"] = SECOND_ANSWER
    # Through memory: torch writes a file's name into the file.
    buffer = io.BytesIO()
    torch.save(_anew(content), buffer)
    with new_file(path) as draft:
        draft.write_bytes(buffer.getvalue())


def _knows_the_bridge(content: Mapping[str, Any]) -> bool:
    return bool(content["config"].get("denoiser", {}).get("with_score", False))


def _sorted(content: Any) -> Any:
    """Plain values with their keys in one order."""
    return json.loads(json.dumps(content, sort_keys=True))


def _anew(content: Any) -> Any:
    """The content with every text once, and nothing else twice: equal content, equal bytes.

    Pickle writes an object that comes again as a reference. Which texts and lists are one
    object depends on where they came from: those of a training that went on were read from
    a saved state.
    """
    if isinstance(content, str):
        return sys.intern(str(content))
    if isinstance(content, Tensor):
        return content.detach().cpu().clone()
    if isinstance(content, Mapping):
        return {_anew(key): _anew(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_anew(value) for value in content]
    return content


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint; its `denoiser()` is ready to sample from.

    Raises:
        UserError: the file is missing, is damaged, is no checkpoint of this program, or
            contains anything but tensors and plain data.
    """
    if Path(path).is_dir():
        raise UserError(f"{path} is a folder: name the model.ckpt that was trained")
    path = require(Path(path), made_by="train")
    try:
        content = read_tensors(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is not a readable checkpoint: {error}: {_AGAIN}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(
            f"{path} is not a checkpoint of snowmelt (format {FORMAT}): give the model.ckpt"
            " that `snowmelt train` writes"
        )
    # A file from before schedules were learned has none.
    content.setdefault("schedule", {})
    if missing := [name for name in KINDS if name not in content]:
        lacking = f"it lacks '{missing[0]}'"
        raise UserError(f"{path} is an incomplete checkpoint: {lacking}: {_AGAIN}")
    try:
        check_content(content, path.stat().st_size)
    except ValueError as error:
        raise UserError(
            f"{path} is not a checkpoint of snowmelt: {error}: {_AGAIN}"
        ) from error
    if _knows_the_bridge(content) and content.get("second_answer") != SECOND_ANSWER:
        raise UserError(
            f"{path} is of a bridge whose network answers the noise on the way, as they did"
            f" before, and not the score: {_AGAIN}"
        )
    start = content.get("start")
    return Checkpoint(
        identity=content["identity"],
        step=content["step"],
        config=public_names.with_current_keys(content["config"]),
        manifest=Manifest.from_dict(content["manifest"], where=str(path)),
        raw=content["raw"],
        ema=content["ema"],
        schedule=content["schedule"],
        # A file from before this was written down has none.
        processes=list(content.get("processes", [1])),
        seconds=content.get("seconds"),
        further=content.get("further", {}),
        snapshots=content.get("snapshots", []),
        start=None if start is None else Manifest.from_dict(start, where=str(path)),
        has_score=content.get("has_score", True),
        lineage=content.get("lineage", []),
    )
