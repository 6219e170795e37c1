"""The material of the report, read from the outputs of the stages before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from snowmelt.common.array_files import mapped, read_arrays
from snowmelt.common.csv_table import read_csv
from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json, sha256
from snowmelt.common.instantiate import build
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.plane.truth_arrays import ARRAYS_OF
from snowmelt.evaluation.reference_features import data_digest
from snowmelt.training.checkpoint import load

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
    "paths": "paths.png",
    "fields": "fields.png",
    "densities": "densities.png",
}
EMBEDDED = {"preview": "preview.png", "completion": "completion.png", **JOURNEY}
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
        reference: of reference.json; empty where there is none.
        losses: the columns of losses.csv; empty where there is none, or where the samples
            come from another checkpoint than the one beside it.
        likelihood: the columns of likelihood.csv; empty where no bound was measured.
        score_error: the columns of score_error.csv; empty where no density is known.
        schedule: name, times and log-SNR of the noise schedule.
        ways: the arrays that show how the samples came about, by the names of their files.
        truth: those that show model and truth, likewise; empty where the stage evaluate
            looked at other samples.
        pictures: PNG and GIF files of the figures that the page embeds, by name.
        run_id: of the tracked run, where one is known.
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
    schedule: tuple[str, Curve, Curve] | None = None
    ways: Mapping[str, Arrays] = field(default_factory=dict)
    truth: Mapping[str, Arrays] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    run_id: str | None = None

    @property
    def is_images(self) -> bool:
        """Whether the data are images, else points."""
        return bool(self.manifest["kind"] == "images")

    @property
    def name(self) -> str:
        """The experiment's name, else the data's."""
        return str(self.config.get("name") or self.manifest["name"])


def read(config: Mapping[str, Any], root: Path, run_id: str | None = None) -> Material:
    """Collect the outputs of the stages.

    Raises:
        UserError: one that the page cannot do without is missing or does not fit.
    """
    paths = config["paths"]
    prepared = PreparedData.open(root / paths["prepared"])
    folder = root / paths["samples"]
    samples = read_json(folder / "samples.json", made_by="sample")
    generated = _samples(folder / "samples.npy", prepared)
    metrics = read_json(root / paths["reports"] / "metrics.json", made_by="evaluate")
    _check_measured(metrics, samples)
    measured_on = (metrics.get("protocol") or {}).get("data_digest")
    if measured_on and measured_on != data_digest(prepared.manifest):
        raise UserError(
            f"metrics.json was measured on other data than {prepared.folder} holds: run"
            " `snowmelt prepare` again, then the stages after it"
        )
    if samples.get("digest") != sha256(folder / "samples.npy"):
        raise UserError(
            f"{folder / 'samples.npy'} is not the file that samples.json describes: run"
            " `snowmelt sample` again"
        )
    model = root / paths["model"]
    reference = root / paths["reference"] / "reference.json"
    reports = root / paths["reports"]
    return Material(
        config=config,
        manifest=prepared.manifest.to_dict(),
        real=prepared.train,
        generated=generated,
        metrics=metrics,
        samples=samples,
        reference=read_json(reference, made_by="reference") if reference.exists() else {},
        losses=_losses(model, samples),
        likelihood=_measured(reports / "likelihood.csv", LIKELIHOOD, "term"),
        score_error=_measured(reports / "score_error.csv", SCORE_ERROR),
        schedule=_schedule(config, model),
        ways=_arrays(folder),
        truth=_truth(root / paths["evaluation"], samples),
        run_id=run_id,
    )


def _samples(path: Path, prepared: PreparedData) -> Array:
    """The samples, which must have the data's shape and type."""
    generated: Array = mapped(path, made_by="sample")
    wanted = tuple(prepared.shape)
    if generated.shape[1:] != wanted or generated.dtype != prepared.train.dtype:
        raise UserError(
            f"{path} holds {generated.dtype} of shape {generated.shape[1:]}, the data"
            f" {prepared.train.dtype} of shape {wanted}: run `snowmelt sample` again"
        )
    if not len(generated):
        raise UserError(f"{path} holds no samples: sample with sample.num_samples >= 1")
    return generated


def _check_measured(metrics: Mapping[str, Any], samples: Mapping[str, Any]) -> None:
    """Refuse numbers of other samples than the ones that would stand beside them."""
    measured = (metrics.get("protocol") or {}).get("samples_digest")
    digest = samples.get("digest")
    if measured and digest and measured != digest:
        raise UserError(
            f"metrics.json was measured on samples {str(measured)[:12]}, samples.npy is"
            f" {str(digest)[:12]}: run `snowmelt evaluate` again"
        )


def _losses(model: Path, samples: Mapping[str, Any]) -> dict[str, Curve]:
    """The curves in `model`, if they belong to the checkpoint that was sampled."""
    wanted = (samples.get("checkpoint") or {}).get("sha256")
    checkpoint, losses = model / "model.ckpt", model / "losses.csv"
    if not losses.exists():
        return {}
    if wanted is not None and not (checkpoint.exists() and sha256(checkpoint) == wanted):
        return {}
    return read_csv(losses, ("step",), made_by="train")


def _measured(path: Path, names: Sequence[str], *texts: str) -> dict[str, Array]:
    """The columns of a table of the stage evaluate, as far as it is there."""
    if not path.exists():
        return {}
    return read_csv(path, (*texts, *names), made_by="evaluate", texts=texts)


@torch.no_grad()
def _schedule(config: Mapping[str, Any], model: Path) -> tuple[str, Curve, Curve]:
    """The name and the process's log-SNR; a learned schedule is shown as it was learned."""
    schedule = build(config["schedule"], NoiseSchedule)
    if isinstance(schedule, torch.nn.Module) and schedule.state_dict():
        schedule.load_state_dict(load(model / "model.ckpt").schedule)
    process = build(config["process"], Process, schedule=schedule)
    t = torch.linspace(0, 1, TIMES, dtype=torch.float64)
    return type(schedule).__name__, t.numpy(), process.log_snr(t).double().numpy()


def _arrays(folder: Path) -> dict[str, Arrays]:
    """The files of arrays in a folder, by their names."""
    return {path.stem: read_arrays(path) for path in sorted(folder.glob("*.npz"))}


def _truth(folder: Path, samples: Mapping[str, Any]) -> dict[str, Arrays]:
    """The arrays of the stage evaluate, if it looked at these samples."""
    of = read_json(folder / ARRAYS_OF, made_by="evaluate").get("samples_digest")
    return _arrays(folder) if of == samples.get("digest") else {}
