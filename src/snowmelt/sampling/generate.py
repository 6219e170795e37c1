"""Draws the samples of a request into a folder.

Each sample is keyed by its index, so it does not depend on how batches and processes divide
the work.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from snowmelt.common import distributed
from snowmelt.common.array_files import create_rows, save_array, write_rows
from snowmelt.common.files import sha256
from snowmelt.common.process_group import Group
from snowmelt.common.records import file_digests, write_record
from snowmelt.sampling import edge_shares, picture_arrays
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.sample_request import SampleRequest

MARKER = "samples.json"


def generate(
    request: SampleRequest,
    target: Path,
    *,
    batch_size: int,
    device: torch.device,
    real: Tensor | None = None,
    stored: NDArray | None = None,
) -> None:
    """Write samples.npy, its description and the arrays of its pictures, or nothing.

    Samples of classes come with labels.npy; of real examples that were completed the
    description says how far the samples are from them. See `picture_arrays` for the rest.

    Args:
        target: the folder to write.
        batch_size: how many samples a process draws at once.
        real: points of the data, in the model's units, if any are at hand: where the
            picture of the forward process starts.
        stored: examples of the data as they are stored, if any are at hand: what the
            samples' values are compared with.

    Raises:
        UserError: the folder holds something else.
    """
    generator = Generator.on(device, request)
    clock = [time.perf_counter()]
    with Group() as group, group.directory(target, MARKER) as draft:
        _draw_rows(generator, draft, group, batch_size)
        group.wait()
        clock.append(time.perf_counter())
        if group.rank == 0:
            said = request.describe() | _measured(generator, draft, stored)
            picture_arrays.save(generator, draft, real)
            write_record(draft / MARKER, said | {"digests": file_digests(draft)})
    if distributed.rank() == 0:
        count, seconds = request.num_samples, clock[1] - clock[0]
        shown = time.perf_counter() - clock[1]
        rate = f"{count / seconds:.1f} a second"
        print(f"{count} samples in {seconds:.1f} s ({rate}), their paths in {shown:.1f} s")


def _draw_rows(generator: Generator, draft: Path, group: Group, size: int) -> None:
    """Every process fills its own rows of one array on disk."""
    count, manifest = generator.request.num_samples, generator.manifest
    path = draft / "samples.npy"
    if group.rank == 0:
        create_rows(path, manifest.dtype, (count, *manifest.shape))
    group.wait()
    starts = range(group.rank * size, count, group.world_size * size)
    mine = sum(min(size, count - start) for start in starts)
    with tqdm(total=mine, desc="sample", unit="image", disable=group.rank > 0) as bar:
        for start in starts:
            index = torch.arange(start, min(start + size, count), device=generator.device)
            write_rows(path, start, generator.draw(index))
            bar.update(len(index))


def _measured(generator: Generator, draft: Path, stored: NDArray | None) -> dict[str, Any]:
    """What is known of the samples once they are there; a doubt is printed."""
    request, manifest = generator.request, generator.manifest
    samples = np.load(draft / "samples.npy", mmap_mode="r", allow_pickle=False)
    shares = edge_shares.edge_shares(samples, stored, manifest)
    doubt = edge_shares.doubt(shares, manifest)
    if doubt is not None:
        print(f"sample: warning: {doubt}", file=sys.stderr)
    process = generator.denoiser.process
    found: dict[str, Any] = {
        "evaluations": request.guidance.evaluations(request.sampler, process),
        "digest": sha256(draft / "samples.npy"),
        "at_the_edge": shares,
    }
    index = torch.arange(request.num_samples)
    labels = request.guidance.labels(index, request.conditioning)
    if labels is not None:
        save_array(draft / "labels.npy", labels.numpy())
    if request.guidance.needs_examples:
        found["error_to_examples"] = _error(generator, draft, index)
    return found


def _error(generator: Generator, draft: Path, index: Tensor, size: int = 1000) -> float:
    """The root of the mean squared difference from the real examples, in stored units."""
    stored = np.load(draft / "samples.npy", mmap_mode="r", allow_pickle=False)
    total = 0.0
    for part in index.split(size):
        real = generator.stored(generator.request.conditioning.real(part)).astype(
            np.float64
        )
        total += float(np.square(stored[part.numpy()] - real).sum())
    return float(np.sqrt(total / stored.size))
