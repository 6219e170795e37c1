"""The scores that diffusion is benchmarked with: the exact one and a learned one."""

from __future__ import annotations

from pathlib import Path

import torch

from snowmelt.common.errors import UserError
from snowmelt.data.known_density import known_density
from snowmelt.densities import Perturbable
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.mcmc_benchmark.chain_starts import size_of
from snowmelt.evaluation.mcmc_benchmark.sampler_clouds import Score
from snowmelt.training.checkpoint import Checkpoint, load

_ASKED = 100
_TOLERANCE = 1e-6


def exact(density: Perturbable, process: Process) -> Score:
    mean = torch.zeros(size_of(density), dtype=torch.float64)
    return Score("exact", density.denoiser(process, V()), mean)


def learned(density: Perturbable, file: Path, root: Path = Path()) -> Score:
    """The score of a checkpoint, with the evaluations that its training took.

    Raises:
        UserError: there is no checkpoint, or one of other data.
    """
    checkpoint = load(file)
    manifest = checkpoint.manifest
    if manifest.kind != "points" or tuple(manifest.shape) != (size_of(density),):
        raise UserError(
            f"{file} was trained on {manifest.kind} of the shape {tuple(manifest.shape)},"
            f" and the density has points of {size_of(density)} elements"
        )
    mean = torch.tensor(manifest.mean, dtype=torch.float64)
    std = float(manifest.std or 1.0)
    known = known_density(manifest, root)
    if known is not None and not _are_one(density.standardised(mean, std), known):
        raise UserError(
            f"{file} was trained on draws of another density than the section `density`"
            " describes: choose that of the data"
        )
    return Score("learned", checkpoint.denoiser("ema"), mean, std, _training(checkpoint))


def _are_one(one: Perturbable, two: Perturbable) -> bool:
    """Whether two densities agree at draws of both."""
    x = torch.cat([d.sample(_ASKED, seed=0, dtype=torch.float64) for d in (one, two)])
    # Far out a logarithm is large, and what both round there is no difference.
    return torch.allclose(one.log_prob(x), two.log_prob(x), atol=_TOLERANCE, rtol=1e-5)


def _training(checkpoint: Checkpoint) -> int:
    return checkpoint.step * int(checkpoint.config["training"]["batch_size"])
