"""Reading what an iteration left behind, and measuring what its ways cost.

The costs are kept in the iteration's folder, beside the digest of the samples that they are
of, so that an iteration that is found done is not measured again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from snowmelt.common.array_files import mapped
from snowmelt.common.device import chosen_device
from snowmelt.common.files import read_json, write_json
from snowmelt.common.records import read_record
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model, to_stored
from snowmelt.data.prepared.start_points import StartPoints
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.catalogue import ranking
from snowmelt.evaluation.catalogue.readings import Reading, readings
from snowmelt.evaluation.iteration_table import IterationResult
from snowmelt.evaluation.transport.flow_paths import followed
from snowmelt.pipeline.iterating.iteration_tasks import IterationTask, way
from snowmelt.sampling.samplers.loop import starts
from snowmelt.sampling.samplers.ode import Euler
from snowmelt.training.checkpoint import load
from snowmelt.training.iterated_fitting import Iteration
from snowmelt.viz.plots.iteration_plot import Ways

FILE = "costs.json"
MOST_POINTS, MOST_IMAGES = 2000, 64  # whose ways are followed
STEPS = 100  # of Euler's rule


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
        costs = _measured(config, task.root)
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


def ways_of(result: IterationResult, root: Path, config: DictConfig) -> Ways:
    """The first starts of an iteration beside their samples, as both are stored.

    Noise has no levels: that of images is seen cut at black and white.
    """
    flow = _Flow.of(root, config)
    samples = _samples(root, config)[:MOST_POINTS]
    begun = to_stored(flow.starts(len(samples)).cpu(), flow.manifest).numpy()
    title = f"{result.number}: {result.way}"
    levels = flow.manifest.value_range
    return Ways(title, result.to_data, begun, np.array(samples), levels)


def _measured(config: DictConfig, root: Path) -> dict[str, float]:
    """The cost of the samples from their starts, and the energy of the flow's ways.

    Ways of a bridge have noise, and no finite energy; those of its flow have.
    """
    flow = _Flow.of(root, config)
    manifest, samples = flow.manifest, _samples(root, config)[:MOST_POINTS]
    count = min(MOST_IMAGES if manifest.kind == "images" else len(samples), len(samples))
    index = torch.arange(count, device=flow.device)
    energies = torch.cat(
        [
            followed(
                flow.denoiser, Euler(STEPS), part, manifest.shape, seed=flow.seed
            ).energies
            for part in index.split(config.sample.batch_size)
        ]
    )
    square = (manifest.std or 1.0) ** 2  # of the unit of points
    ended = to_model(torch.from_numpy(np.array(samples)), manifest)
    apart = (ended - flow.starts(len(samples)).cpu()).double().square().flatten(1).sum(1)
    return {
        "transport_cost": square * float(apart.mean()),
        "path_energy": square * float(energies.mean()),
    }


def _samples(root: Path, config: DictConfig) -> np.ndarray:
    return mapped(root / str(config.paths.samples) / "samples.npy", made_by="sample")


@dataclass(frozen=True)
class _Flow:
    """The flow of an iteration, ready to walk from its starts.

    Attributes:
        seed: of the noise that samples begin in, if they begin in noise.
    """

    denoiser: Denoiser
    manifest: Manifest
    device: torch.device
    seed: int

    @classmethod
    def of(cls, root: Path, config: DictConfig) -> _Flow:
        checkpoint = load(root / str(config.sample.checkpoint))
        manifest, begun = checkpoint.manifest, None
        if checkpoint.start is not None:
            section = checkpoint.config.get("start")
            begun = StartPoints.open(root / str(config.paths.prepared), manifest, section)
        device = chosen_device(config.sample.device)
        denoiser = checkpoint.denoiser(config.sample.weights, begun).to(device)
        return cls(denoiser, manifest, device, config.sample.seed)

    def starts(self, count: int) -> Tensor:
        """Where the first samples begin. Shapes: -> (count, *D), in the model's units"""
        index = torch.arange(count, device=self.device)
        return starts(self.denoiser, index, self.manifest.shape, seed=self.seed)
