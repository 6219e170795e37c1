"""Drawing a set of samples from a checkpoint into a folder.

Each sample is keyed by its index, so batches and processes cut the work between them in
any way without changing a single one.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from omegaconf import DictConfig
from torch import Tensor
from tqdm import tqdm

from snowmelt.common import distributed
from snowmelt.common.device import chosen_device
from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256, write_json
from snowmelt.common.instantiate import plain
from snowmelt.common.process_group import Group
from snowmelt.sampling.generator import Drawing, save_pictures
from snowmelt.sampling.guidance.guidance import Given, Guidance
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training.checkpoint import Checkpoint

MARKER = "samples.json"


def draw(
    config: DictConfig,
    checkpoint: Checkpoint,
    sampler: Sampler,
    guidance: Guidance,
    given: Given,
    target: Path,
    described: dict[str, Any],
    real: Tensor | None = None,
    root: Path = Path(),
) -> None:
    """Write samples.npy, its description and its pictures, whole or not at all.

    Samples of classes come with labels.npy; real examples that were completed, with how far
    the samples are from them.

    Args:
        config: reads `sample`.
        given: what the guidance may draw on.
        target: the folder to write.
        described: what `describe` says; samples.json holds it and the samples' digest.
        real: points of the data for the pictures, in the model's units, if any are at hand.
        root: what paths of the data's configuration are relative to.

    Raises:
        UserError: an argument out of range, or a device that is not there.
    """
    _check(config)
    device = chosen_device(config.sample.device)
    denoiser = checkpoint.denoiser(config.sample.weights).to(device)
    manifest, seed = checkpoint.manifest, config.sample.seed
    drawing = Drawing(denoiser, sampler, guidance, given, manifest, seed, real, root)
    clock = [time.perf_counter()]
    with Group() as group, group.directory(target, MARKER) as draft:
        _draw_rows(config, drawing, draft, group)
        group.wait()
        clock.append(time.perf_counter())
        if group.rank == 0:
            found = described | _measured(drawing, draft, config.sample.num_samples)
            write_json(draft / MARKER, found)
            save_pictures(drawing, draft)
    if distributed.rank() == 0:
        count, seconds = config.sample.num_samples, clock[1] - clock[0]
        drawn = time.perf_counter() - clock[1]
        rate = f"{count / seconds:.1f} a second"
        print(f"{count} samples in {seconds:.1f} s ({rate}), pictures in {drawn:.1f} s")


def _check(config: DictConfig) -> None:
    for key in ("num_samples", "batch_size"):
        if config.sample[key] < 1:
            raise UserError(f"sample.{key} must be at least 1, got {config.sample[key]}")
    if not 0 <= config.sample.seed < 2**63:
        raise UserError(f"seed must be between 0 and 2^63 - 1, got {config.sample.seed}")


def _draw_rows(config: DictConfig, drawing: Drawing, draft: Path, group: Group) -> None:
    """Every process fills its own rows of one array on disk."""
    count, size = config.sample.num_samples, config.sample.batch_size
    manifest, path = drawing.manifest, draft / "samples.npy"
    if group.rank == 0:
        open_memmap(path, "w+", np.dtype(manifest.dtype), (count, *manifest.shape)).flush()
    group.wait()
    rows = open_memmap(path, "r+")
    starts = range(group.rank * size, count, group.world_size * size)
    mine = sum(min(size, count - start) for start in starts)
    with tqdm(total=mine, desc="sample", unit="image", disable=group.rank > 0) as bar:
        for start in starts:
            index = torch.arange(start, min(start + size, count), device=drawing.device)
            rows[start : start + len(index)] = drawing.draw(index)
            bar.update(len(index))
    rows.flush()


def describe(
    config: DictConfig, checkpoint: Checkpoint, file: Path, examples: str | None = None
) -> dict[str, Any]:
    """How the samples are drawn, and the identity that follows from that alone.

    Args:
        config: reads `sample`, `sampler` and `guidance`.
        file: the checkpoint's.
        examples: the digest of the real examples, where the guidance completes some.
    """
    settings = {
        "checkpoint": {
            "identity": checkpoint.identity,
            "step": checkpoint.step,
            "weights": config.sample.weights,
            "sha256": sha256(file),
        },
        "sampler": plain(config.sampler),
        "guidance": plain(config.guidance),
        "examples": examples,
        "num_samples": config.sample.num_samples,
        "seed": config.sample.seed,
    }
    text = json.dumps(settings, sort_keys=True)
    is_image = checkpoint.manifest.levels is not None
    return {
        "identity": hashlib.sha256(text.encode()).hexdigest(),
        **settings,
        "quantiser": "rounded to the nearest level" if is_image else None,
    }


def _measured(drawing: Drawing, draft: Path, count: int) -> dict[str, Any]:
    """What is known of the samples once they are there."""
    guidance, sampler = drawing.guidance, drawing.sampler
    found: dict[str, Any] = {
        "evaluations": guidance.evaluations(sampler, drawing.denoiser.process),
        "digest": sha256(draft / "samples.npy"),
    }
    index = torch.arange(count)
    labels = guidance.labels(index, drawing.given)
    if labels is not None:
        np.save(draft / "labels.npy", labels.numpy())
    if guidance.needs_examples:
        found["error_to_examples"] = _error(drawing, draft, index)
    return found


def _error(drawing: Drawing, draft: Path, index: Tensor, size: int = 1000) -> float:
    """The root of the mean squared difference from the real examples, in stored units."""
    stored = np.load(draft / "samples.npy", mmap_mode="r", allow_pickle=False)
    total = 0.0
    for part in index.split(size):
        real = drawing.stored(drawing.given.real(part)).astype(np.float64)
        total += float(np.square(stored[part.numpy()] - real).sum())
    return float(np.sqrt(total / stored.size))
