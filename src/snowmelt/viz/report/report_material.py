"""The material of the report, read from the outputs of the stages before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from snowmelt.common.array_files import read_arrays
from snowmelt.common.csv_table import read_csv
from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.common.instantiate import build
from snowmelt.common.records import SHOWN, read_record
from snowmelt.common.verification import Verification
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation import class_evaluation, generated_samples
from snowmelt.evaluation.evaluation_record import made_from, read_metrics
from snowmelt.evaluation.reference_features import described
from snowmelt.evaluation.training_cost import Compute
from snowmelt.training.checkpoint import load
from snowmelt.training.model_record import CHECKPOINT, RECORD

Array = NDArray[Any]
Curve = NDArray[np.float64]
Arrays = Mapping[str, Array]
TIMES = 256  # points of the schedule's curves
SCORE_ERROR = (
    "log_snr",
    "score_error",
    "score_error_se",
    "relative_error",
    "training_points",
    "training_points_se",
    "relative_training_points",
    "irreducible_loss",
)
# Pictures of how samples came about, among the figures, by what the page calls them.
JOURNEY = {
    "forward_animation": "forward.gif",
    "trajectory_animation": "trajectory.gif",
    "forward_strip": "forward.png",
    "trajectory_strip": "trajectory.png",
    "plane_paths": "plane_paths.png",
    "flow_steps": "flow_steps.png",
    "paths": "paths.png",
    "fields": "fields.png",
    "densities": "densities.png",
}
EMBEDDED = {
    "preview": "preview.png",
    "completion": "completion.png",
    "answers": "answers.png",
    "nearest": "nearest.png",
    **JOURNEY,
}
# Those of a training that the page shows.
PARTS = ("schedule", "process", "prediction", "loss", "time_sampling", "net", "denoiser")
LIKELIHOOD = ("log_snr", "log_snr_gained", "bits_per_dim")  # what the page draws of it


@dataclass(frozen=True)
class Material:
    """Everything that the page shows, as plain values and arrays.

    Attributes:
        config: the resolved configuration.
        manifest: of the prepared data.
        real: the training split, uint8 (N, C, H, W) or points (N, D).
        generated: the samples, of the same kind.
        metrics: of metrics.json.
        samples: of samples.json.
        reference: of reference.json.
        losses: the columns of losses.csv; empty where there is none, or where the samples
            come from another checkpoint than the one beside it.
        likelihood: the columns of likelihood.csv; empty where no bound was measured.
        score_error: the columns of score_error.csv; empty where no density is known.
        by_class: the columns of by_class.csv; empty where classes are not known.
        schedule: name, times and log-SNR of the noise schedule.
        ways: the arrays that show how the samples came about, by the names of their files.
        truth: those that show model and truth, likewise.
        pictures: PNG and GIF files of the figures that the page embeds, by name.
        run_id: of the tracked run, where one is known.
        weights: how many numbers the network has; None where its checkpoint is not there.
        cost: what was noted of the training, if anything was.
    """

    config: Mapping[str, Any]
    manifest: Mapping[str, Any]
    real: Array
    generated: Array
    metrics: Mapping[str, Any]
    samples: Mapping[str, Any]
    reference: Mapping[str, Any] = field(default_factory=dict)
    losses: Mapping[str, Curve] = field(default_factory=dict)
    likelihood: Mapping[str, Array] = field(default_factory=dict)
    score_error: Mapping[str, Curve] = field(default_factory=dict)
    by_class: Mapping[str, Array] = field(default_factory=dict)
    schedule: tuple[str, Curve, Curve] | None = None
    ways: Mapping[str, Arrays] = field(default_factory=dict)
    truth: Mapping[str, Arrays] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    run_id: str | None = None
    weights: int | None = None
    cost: Compute = field(default_factory=Compute)

    @property
    def is_images(self) -> bool:
        """Whether the data are images, else points."""
        return bool(self.manifest["kind"] == "images")

    @property
    def is_flow(self) -> bool:
        """Whether points are carried by a flow that is no diffusion."""
        return "steps" in self.ways

    @property
    def begins_in_noise(self) -> bool:
        """Whether samples begin in normal noise, not in other data."""
        start = str((self.config.get("start") or {}).get("_target_", "Normal"))
        return start.rpartition(".")[2] == "Normal"

    @property
    def name(self) -> str:
        """The experiment's name, else the data's."""
        return str(self.config.get("name") or self.manifest["name"])


def read(config: Mapping[str, Any], root: Path, run_id: str | None = None) -> Material:
    """Collect the outputs of the stages.

    Raises:
        UserError: one that the page cannot do without is missing or does not fit.
    """
    paths = {name: root / path for name, path in config["paths"].items() if path}
    prepared = PreparedData.open(paths["prepared"])
    verification = prepared.verify()
    folder, model = paths["samples"], paths["model"]
    generated, samples = generated_samples.read(folder, prepared.manifest, prepared.folder)
    _check_sampled(root / config["sample"]["checkpoint"], samples, folder)
    is_sampled = _is_sampled(model / CHECKPOINT, samples)
    if is_sampled:
        _check_trained(config, model)
    reference = described(paths["reference"], prepared.manifest)
    reports = paths["reports"]
    measured_on = made_from(prepared.manifest, samples, paths["reference"])
    metrics = read_metrics(paths["evaluation"], reports, measured_on)
    verification.finish()
    return Material(
        config=config,
        manifest=prepared.manifest.to_dict(),
        real=prepared.train,
        generated=generated,
        metrics=metrics,
        samples=samples,
        reference=reference,
        losses=_losses(model) if is_sampled else {},
        likelihood=_measured(reports / "likelihood.csv", LIKELIHOOD, "term"),
        score_error=_measured(reports / "score_error.csv", SCORE_ERROR),
        by_class=_measured(reports / "by_class.csv", class_evaluation.COLUMNS[1:], "class"),
        schedule=schedule_curve(config, root / config["sample"]["checkpoint"]),
        ways=_arrays(folder),
        truth=_arrays(paths["evaluation"]),
        run_id=run_id,
        weights=_weights(root / config["sample"]["checkpoint"]),
    )


def _weights(checkpoint: Path) -> int | None:
    """How many numbers the network of a checkpoint has, if that can be read."""
    try:
        net = load(checkpoint).denoiser().net
    except UserError:
        return None
    return sum(one.numel() for one in net.parameters())


def _is_sampled(checkpoint: Path, samples: Mapping[str, Any]) -> bool:
    """Whether a file is the checkpoint that the samples are of."""
    return checkpoint.is_file() and sha256(checkpoint) == samples["checkpoint"]["sha256"]


def _check_sampled(checkpoint: Path, samples: Mapping[str, Any], folder: Path) -> None:
    """Refuse a checkpoint that was made since the samples; there need not be any."""
    if checkpoint.is_file() and not _is_sampled(checkpoint, samples):
        raise UserError(
            f"{folder} holds samples of the checkpoint"
            f" {samples['checkpoint']['sha256'][:SHOWN]}, and {checkpoint} is another one,"
            f" {sha256(checkpoint)[:SHOWN]}: run `snowmelt sample` again, then `snowmelt"
            " evaluate`, or name the one that was sampled by sample.checkpoint=FILE"
        )


def _check_trained(config: Mapping[str, Any], model: Path) -> None:
    """Refuse files that changed since, and a configuration of another training.

    A version that wrote no record beside the checkpoint is taken at its word.
    """
    if not (model / RECORD).exists():
        return
    record = read_record(model / RECORD, made_by="train")
    Verification(model, record["digests"], made_by="train").finish()
    for part in PARTS:
        then, now = record["config"].get(part), config.get(part)
        if then is not None and now is not None and then != now:
            raise UserError(
                f"{model} was trained with {part}={then}, the configuration says {now}:"
                " give what it was trained with, or run `snowmelt train` again and the"
                " stages after it"
            )


def _losses(model: Path) -> dict[str, Curve]:
    """The curves of the training in `model`, if they are there."""
    losses = model / "losses.csv"
    return read_csv(losses, ("step",), made_by="train") if losses.exists() else {}


def _measured(path: Path, names: Sequence[str], *texts: str) -> dict[str, Array]:
    """The columns of a table of the stage evaluate, as far as it is there."""
    if not path.exists():
        return {}
    return read_csv(path, (*texts, *names), made_by="evaluate", texts=texts)


@torch.no_grad()
def schedule_curve(config: Mapping[str, Any], checkpoint: Path) -> tuple[str, Curve, Curve]:
    """The name and the process's log-SNR; a learned schedule is shown as it was learned."""
    schedule = build(config["schedule"], NoiseSchedule)
    if isinstance(schedule, torch.nn.Module) and schedule.state_dict():
        schedule.load_state_dict(load(checkpoint).schedule)
    process = build(config["process"], Process, schedule=schedule)
    t = torch.linspace(0, 1, TIMES, dtype=torch.float64)
    return type(schedule).__name__, t.numpy(), process.log_snr(t).double().numpy()


def _arrays(folder: Path) -> dict[str, Arrays]:
    """The files of arrays in a folder, by their names."""
    return {path.stem: read_arrays(path) for path in sorted(folder.glob("*.npz"))}
