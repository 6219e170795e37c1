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
from tqdm import tqdm

from snowmelt import launch
from snowmelt.building import plain
from snowmelt.checkpoint import Checkpoint
from snowmelt.data.manifest import Manifest
from snowmelt.data.scaling import to_stored
from snowmelt.denoiser import Denoiser
from snowmelt.errors import UserError
from snowmelt.figures.examples import save_examples, save_trajectory
from snowmelt.files import sha256, write_json
from snowmelt.group import Group
from snowmelt.samplers.sampler import Sampler, sample

MARKER = "samples.json"
PICTURED = 64
PICTURED_POINTS = 2000
FOLLOWED = 8
MOMENTS = 12
FILM_FRAMES = 60


def draw(
    config: DictConfig,
    checkpoint: Checkpoint,
    sampler: Sampler,
    target: Path,
    described: dict[str, Any],
) -> None:
    """Write samples.npy, its description and its pictures, whole or not at all.

    Args:
        config: reads `sample`.
        target: the folder to write.
        described: what `describe` says; samples.json holds it and the samples' digest.

    Raises:
        UserError: an argument out of range, or a device that is not there.
    """
    _check(config)
    device = chosen_device(config.sample.device)
    denoiser = checkpoint.denoiser(config.sample.weights).to(device)
    manifest = checkpoint.manifest
    started = time.perf_counter()
    with Group() as group, group.directory(target, MARKER) as draft:
        _draw_rows(config, denoiser, sampler, manifest, draft, group)
        group.wait()
        if group.rank == 0:
            digest = sha256(draft / "samples.npy")
            write_json(draft / MARKER, described | {"digest": digest})
            _draw_pictures(config, denoiser, sampler, manifest, draft)
    if launch.rank() == 0:
        seconds = time.perf_counter() - started
        rate = config.sample.num_samples / seconds
        print(
            f"{config.sample.num_samples} samples in {seconds:.1f} s ({rate:.1f} a second)"
        )


def _check(config: DictConfig) -> None:
    for key in ("num_samples", "batch_size"):
        if config.sample[key] < 1:
            raise UserError(f"sample.{key} must be at least 1, got {config.sample[key]}")
    if not 0 <= config.sample.seed < 2**63:
        raise UserError(f"seed must be between 0 and 2^63 - 1, got {config.sample.seed}")


def chosen_device(name: str) -> torch.device:
    """The device to sample on; `auto` is a GPU where there is one.

    Raises:
        UserError: it is not known, or not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"sample.device={name} cannot be used here: {reason}") from error
    if device.type == "cuda" and device.index is None and launch.is_launched():
        device = torch.device("cuda", launch.local_rank())
    return device


def _draw_rows(
    config: DictConfig,
    denoiser: Denoiser,
    sampler: Sampler,
    manifest: Manifest,
    draft: Path,
    group: Group,
) -> None:
    """Every process fills its own rows of one array on disk."""
    count, size = config.sample.num_samples, config.sample.batch_size
    device = next(denoiser.parameters()).device
    path = draft / "samples.npy"
    if group.rank == 0:
        open_memmap(path, "w+", np.dtype(manifest.dtype), (count, *manifest.shape)).flush()
    group.wait()
    rows = open_memmap(path, "r+")
    starts = range(group.rank * size, count, group.world_size * size)
    mine = sum(min(size, count - start) for start in starts)
    with tqdm(total=mine, desc="sample", unit="image", disable=group.rank > 0) as bar:
        for start in starts:
            index = torch.arange(start, min(start + size, count), device=device)
            x = sample(denoiser, sampler, index, manifest.shape, seed=config.sample.seed)
            rows[start : start + len(index)] = to_stored(x, manifest).cpu().numpy()
            bar.update(len(index))
    rows.flush()


def describe(config: DictConfig, checkpoint: Checkpoint, source: Path) -> dict[str, Any]:
    """How the samples are drawn, and the identity that follows from that alone.

    Args:
        config: reads `sample` and `sampler`.
        source: the checkpoint's file.
    """
    settings = {
        "checkpoint": {
            "identity": checkpoint.identity,
            "step": checkpoint.step,
            "weights": config.sample.weights,
            "sha256": sha256(source),
        },
        "sampler": plain(config.sampler),
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


@torch.no_grad()
def _draw_pictures(
    config: DictConfig,
    denoiser: Denoiser,
    sampler: Sampler,
    manifest: Manifest,
    draft: Path,
) -> None:
    """The first samples, and some of them on their way from noise to data."""
    stored = np.load(draft / "samples.npy", mmap_mode="r", allow_pickle=False)
    shown = PICTURED if manifest.kind == "images" else PICTURED_POINTS
    save_examples(draft / "samples.png", np.array(stored[:shown]), manifest)
    followed = FOLLOWED if manifest.kind == "images" else PICTURED_POINTS
    device = next(denoiser.parameters()).device
    index = torch.arange(min(followed, len(stored)), device=device)
    count = MOMENTS if manifest.kind == "images" else FILM_FRAMES
    moments = set(np.linspace(0, sampler.steps, count).round().astype(int).tolist())
    frames, times = [], []

    def keep(step: int, t: torch.Tensor, x: torch.Tensor) -> None:
        if step in moments:
            frames.append(to_stored(x, manifest).cpu().numpy())
            times.append(float(t))

    sample(denoiser, sampler, index, manifest.shape, seed=config.sample.seed, watch=keep)
    save_trajectory(draft, np.stack(frames), times, manifest)
