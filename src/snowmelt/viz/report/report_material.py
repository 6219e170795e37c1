"""What the report is made of, read from the outputs of the stages before it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json, require, sha256
from snowmelt.common.instantiate import build, plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.schedules import NoiseSchedule
from snowmelt.training.checkpoint import load

Array = NDArray[Any]
Curve = NDArray[np.float64]
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
# Pictures of how samples came about, in their folder, by what the page calls them.
JOURNEY = {
    "forward_film": "forward.gif",
    "trajectory_film": "trajectory.gif",
    "forward_strip": "forward.png",
    "trajectory_strip": "trajectory.png",
    "paths": "paths.png",
    "fields": "fields.png",
    "densities": "densities.png",
}
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
        pictures: PNG and GIF files of stages, by name.
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


def read(config: DictConfig, root: Path, run_id: str | None = None) -> Material:
    """Collect the outputs of the stages.

    Raises:
        UserError: one that the page cannot do without is missing or does not fit.
    """
    paths = config.paths
    prepared = PreparedData.open(root / paths.prepared)
    folder = root / paths.samples
    samples = read_json(folder / "samples.json", made_by="sample")
    generated = _samples(folder / "samples.npy", prepared)
    metrics = read_json(root / paths.reports / "metrics.json", made_by="evaluate")
    _check_measured(metrics, samples)
    model = root / paths.model
    reference = root / paths.reference / "reference.json"
    return Material(
        config=plain(config),
        manifest=prepared.manifest.to_dict(),
        real=prepared.train,
        generated=generated,
        metrics=metrics,
        samples=samples,
        reference=read_json(reference, made_by="reference") if reference.exists() else {},
        losses=read_losses(model / "losses.csv") if _trained_here(model, samples) else {},
        likelihood=read_likelihood(root / paths.reports / "likelihood.csv"),
        score_error=read_score_error(root / paths.reports / "score_error.csv"),
        schedule=_schedule(config, model),
        pictures=_pictures(root / paths.prepared, folder),
        run_id=run_id,
    )


def _samples(path: Path, prepared: PreparedData) -> Array:
    """The samples, which must have the data's shape and type."""
    require(path, made_by="sample")
    try:
        generated: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        again = "run `snowmelt sample` again"
        raise UserError(f"{path} is no array ({error}): {again}") from error
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


def _trained_here(model: Path, samples: Mapping[str, Any]) -> bool:
    """Whether the curves in `model` belong to the checkpoint that was sampled."""
    wanted = (samples.get("checkpoint") or {}).get("sha256")
    checkpoint = model / "model.ckpt"
    if not (model / "losses.csv").exists():
        return False
    return wanted is None or (checkpoint.exists() and sha256(checkpoint) == wanted)


def read_losses(path: Path) -> dict[str, Curve]:
    """The columns of losses.csv; NaN where a step has no value.

    Raises:
        UserError: the file has no steps or a cell is not a number.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or "step" not in rows[0]:
        raise UserError(f"{path} has no column 'step': run `snowmelt train` again")
    try:
        return {
            name: np.array([float(row[name] or "nan") for row in rows], dtype=np.float64)
            for name in rows[0]
        }
    except (TypeError, ValueError) as error:
        again = "run `snowmelt train` again"
        raise UserError(f"{path} is damaged ({error}): {again}") from error


def read_likelihood(path: Path) -> dict[str, Array]:
    """The columns of likelihood.csv, `term` as text; empty without the file or its lines.

    Raises:
        UserError: it lacks a column, or a cell is not a number.
    """
    rows, found = _measured(path, LIKELIHOOD)
    if not rows:
        return {}
    try:
        return {"term": np.array([row["term"] for row in rows]), **found}
    except KeyError as error:
        raise _damaged(path, error) from error


def read_score_error(path: Path) -> dict[str, Curve]:
    """The columns of score_error.csv; empty without the file or its lines.

    Raises:
        UserError: it lacks a column, or a cell is not a number.
    """
    return _measured(path, SCORE_ERROR)[1]


def _measured(
    path: Path, names: Sequence[str]
) -> tuple[list[dict[str, str]], dict[str, Curve]]:
    """The lines of a table of the stage evaluate, and these columns of it as numbers."""
    if not path.exists():
        return [], {}
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows:
        return [], {}
    try:
        found = {name: np.array([float(row[name]) for row in rows]) for name in names}
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from error
    return rows, found


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is damaged ({error}): run `snowmelt evaluate` again")


@torch.no_grad()
def _schedule(config: DictConfig, model: Path) -> tuple[str, Curve, Curve]:
    """The name and the process's log-SNR; a learned schedule is shown as it was learned."""
    schedule = build(config.schedule, NoiseSchedule)
    if isinstance(schedule, torch.nn.Module) and schedule.state_dict():
        schedule.load_state_dict(load(model / "model.ckpt").schedule)
    process = build(config.process, Process, schedule=schedule)
    t = torch.linspace(0, 1, TIMES, dtype=torch.float64)
    return type(schedule).__name__, t.numpy(), process.log_snr(t).double().numpy()


def _pictures(prepared: Path, samples: Path) -> dict[str, bytes]:
    """Pictures that stages made, as far as they are there."""
    files = {
        "preview": prepared / "preview.png",
        "completion": samples / "completion.png",
        **{name: samples / file for name, file in JOURNEY.items()},
    }
    return {name: path.read_bytes() for name, path in files.items() if path.is_file()}
