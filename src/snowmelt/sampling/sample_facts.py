"""What is known of samples once they are there; see `snowmelt.sampling.generate`."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from snowmelt.common.array_files import create_rows, in_parts, write_rows
from snowmelt.sampling import edge_shares
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.samplers.loop import starts

_AT_ONCE = 2**20  # numbers that are made at once


def found(generator: Generator, draft: Path, stored: NDArray | None) -> dict[str, Any]:
    """Facts for the record of the samples in a folder; a doubt is printed.

    Args:
        stored: examples of the data as they are stored, if any are at hand.
    """
    samples = np.load(draft / "samples.npy", mmap_mode="r", allow_pickle=False)
    shares = edge_shares.edge_shares(samples, stored, generator.manifest)
    doubt = edge_shares.doubt(shares, generator.manifest)
    if doubt is not None:
        print(f"sample: warning: {doubt}", file=sys.stderr)
    facts: dict[str, Any] = {"at_the_edge": shares}
    if generator.request.guidance.needs_examples:
        facts["error_to_examples"] = _error(generator, samples)
    return facts


def save_labels(generator: Generator, target: Path) -> None:
    """Write the class of each sample, (N,) int64; nothing where samples have none."""
    request = generator.request
    for start in range(0, request.num_samples, _AT_ONCE):
        index = torch.arange(start, min(start + _AT_ONCE, request.num_samples))
        labels = request.guidance.labels(index, request.conditioning)
        if labels is None:
            return
        if start == 0:
            create_rows(target, np.int64, (request.num_samples,))
        write_rows(target, start, labels.numpy())


def save_starts(generator: Generator, target: Path) -> None:
    """Write where the way to each sample began; nothing where diffusion began in noise.

    Start and sample k are a pair of the flow: of images both are kept as levels, of points
    both in the data's units.
    """
    request, denoiser = generator.request, generator.denoiser
    is_image = generator.manifest.kind == "images"
    if denoiser.has_score or (is_image and request.starts is None):
        return  # noise has no levels
    shape = generator.manifest.shape
    create_rows(target, generator.manifest.dtype, (request.num_samples, *shape))
    count = max(_AT_ONCE // math.prod(shape), 1)
    for start in range(0, request.num_samples, count):
        index = torch.arange(start, min(start + count, request.num_samples))
        begun = starts(denoiser, index, shape, seed=request.seed)
        write_rows(target, start, generator.stored(begun))


def _error(generator: Generator, samples: NDArray) -> float:
    """The root of the mean squared difference from the real examples, in stored units."""
    total, conditioning = 0.0, generator.request.conditioning
    for start, part in in_parts(samples):
        index = torch.arange(start, start + len(part))
        real = generator.stored(conditioning.real(index)).astype(np.float64)
        total += float(np.square(part - real).sum())
    return float(np.sqrt(total / samples.size))
