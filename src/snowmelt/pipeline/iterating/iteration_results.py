"""Reading what an iteration left behind, and measuring what its ways cost.

The costs are kept in the iteration's folder, beside the digest of the samples that they are
of, so that an iteration that is found done is not measured again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from snowmelt.common.device import chosen_device
from snowmelt.common.files import read_json, write_json
from snowmelt.common.records import read_record
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model
from snowmelt.data.prepared.start_points import StartPoints
from snowmelt.evaluation.catalogue import ranking
from snowmelt.evaluation.catalogue.readings import Reading, readings
from snowmelt.evaluation.iteration_table import IterationResult
from snowmelt.evaluation.transport_energy import path_energies, transport_cost
from snowmelt.pipeline.iterating.iteration_tasks import IterationTask, way
from snowmelt.training.checkpoint import load
from snowmelt.training.iterated_fitting import Iteration

FILE = "costs.json"
MOST_POINTS, MOST_IMAGES = 2000, 64  # whose ways are followed


def result_of(
    iteration: Iteration, task: IterationTask, config: DictConfig
) -> IterationResult:
    """What an iteration that has finished came to.

    Raises:
        UserError: something of it is missing or damaged.
    """
    samples = task.root / str(config.paths.samples)
    digest = read_record(samples / "samples.json", made_by="sample")["digest"]
    kept = task.folder / FILE
    costs = _kept(kept, digest)
    if costs is None:
        costs = _measured(config, task.root, samples)
        write_json(kept, {"samples": digest, **costs})
    return IterationResult(
        number=iteration.number,
        way=way(iteration.to_data),
        to_data=iteration.to_data,
        reading=_reading(read_json(task.metrics, made_by="evaluate")),
        seconds=task.record.seconds,
        folder=str(task.folder),
        **costs,
    )


def _reading(metrics: Mapping[str, Any]) -> Reading | None:
    main = ranking(metrics)
    return next((one for one in readings(metrics) if main and one.key == main.key), None)


def _kept(path: Path, digest: str) -> dict[str, float] | None:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        names = ("transport_cost", "path_energy")
        return {k: float(said[k]) for k in names} if said["samples"] == digest else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _measured(config: DictConfig, root: Path, samples: Path) -> dict[str, float]:
    """The cost of the samples from their starts, and the energy of the flow's ways."""
    checkpoint = load(root / str(config.sample.checkpoint))
    manifest = checkpoint.manifest
    starts = StartPoints.open(root / str(config.paths.prepared), manifest)
    device = chosen_device(config.sample.device)
    denoiser = checkpoint.denoiser(config.sample.weights, starts).to(device)
    is_image = manifest.kind == "images"
    count = min(MOST_IMAGES if is_image else MOST_POINTS, starts.sampled_count)
    index = torch.arange(count, device=device)
    energies = torch.cat(
        [
            path_energies(denoiser, part, manifest.shape)
            for part in index.split(config.sample.batch_size)
        ]
    )
    square = (manifest.std or 1.0) ** 2  # of the unit of points
    begun = np.load(samples / "starts.npy", mmap_mode="r", allow_pickle=False)
    ended = np.load(samples / "samples.npy", mmap_mode="r", allow_pickle=False)
    cost = transport_cost(_seen(ended, manifest), _seen(begun, manifest))
    return {
        "transport_cost": square * cost,
        "path_energy": square * float(energies.mean()),
    }


def _seen(stored: np.ndarray, manifest: Manifest) -> Tensor:
    """The first of stored examples in the model's units."""
    return to_model(torch.from_numpy(np.array(stored[:MOST_POINTS])), manifest)
