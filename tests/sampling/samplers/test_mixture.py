"""Samples from the exact denoiser of a mixture are samples of the mixture.

Judged by the Kolmogorov-Smirnov distance between samples and a known distribution function,
whose critical value at a level holds for every distribution. The seed is fixed, so a test
that passed goes on passing; the level says how rarely a right sampler would have failed.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from tests.sampling.samplers.exact import mixture_denoiser
from tests.sampling.samplers.orders import FILES, chooses_its_steps
from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.predictor_corrector import MeanLengths, PredictorCorrector
from snowmelt.sampling.samplers.sampler import Sampler

COUNT, LEVEL, STEPS = 1500, 1e-4, 200
LINE: dict[str, Any] = {
    "means": [[-1.0], [0.7]],
    "stds": [0.15, 0.4],
    "weights": [0.35, 0.65],
}
PLANE: dict[str, Any] = {
    "means": [[-1.0, -0.5], [0.8, -0.6], [0.1, 1.0]],
    "stds": [0.2, 0.35, 0.15],
    "weights": [0.3, 0.5, 0.2],
}
ANGLES = (0.0, 0.6, 1.2, 1.8, 2.4)
every_sampler = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def drawn(file: Path, mixture: dict[str, Any], process: Process | None = None) -> Tensor:
    node = {**OmegaConf.to_container(OmegaConf.load(file), resolve=True), "steps": STEPS}
    if chooses_its_steps(file):
        node["block"] = COUNT
    sampler = build(node, Sampler)
    if isinstance(sampler, PredictorCorrector):
        # A size that depends on the state keeps no distribution of so few dimensions.
        sampler.size = MeanLengths()
    process = process or VariancePreserving(Cosine())
    denoiser = mixture_denoiser(process, **mixture, sampler=sampler)
    shape = (len(mixture["means"][0]),)
    return sample(denoiser, sampler, torch.arange(COUNT), shape, seed=11).double()


def distance(x: Tensor, means: Tensor, stds: Tensor, weights: Tensor) -> float:
    """Of Kolmogorov and Smirnov, from a mixture of Gaussians on the line."""
    x, count = x.sort().values, len(x)
    normal = torch.special.ndtr((x[:, None] - means) / stds)
    share = normal @ weights
    rank = torch.arange(count + 1, dtype=torch.float64) / count
    return float(torch.maximum(share - rank[:-1], rank[1:] - share).max())


def critical(level: float) -> float:
    """What the distance exceeds with a probability of at most `level` (Massart's bound)."""
    return math.sqrt(math.log(2.0 / level) / (2.0 * COUNT))


def projected(x: Tensor, mixture: dict[str, Any], angle: float) -> float:
    """The distance of the projections on a line through the origin."""
    means, stds, weights = (torch.tensor(mixture[key]).double() for key in mixture)
    direction = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    direction = direction[: means.shape[1]]
    return distance(x @ direction, means @ direction, stds, weights)


@every_sampler
def test_a_mixture_on_the_line(file: Path) -> None:
    assert projected(drawn(file, LINE), LINE, 0.0) < critical(LEVEL)


@every_sampler
def test_a_mixture_in_the_plane(file: Path) -> None:
    x = drawn(file, PLANE)
    assert max(projected(x, PLANE, a) for a in ANGLES) < critical(LEVEL / len(ANGLES))


def test_the_judge_sees_small_faults() -> None:
    generator = torch.Generator().manual_seed(0)
    means, stds, weights = (torch.tensor(LINE[key]).double() for key in LINE)
    chosen = torch.multinomial(weights, COUNT, replacement=True, generator=generator)
    z = torch.randn(COUNT, generator=generator, dtype=torch.float64)
    x = means[chosen, 0] + stds[chosen] * z
    assert distance(x, means[:, 0], stds, weights) < critical(LEVEL)
    wide = means[chosen, 0] + 1.5 * stds[chosen] * z
    for wrong in (x + 0.15, wide, torch.where(chosen == 0, x + 1.7, x)):
        assert distance(wrong, means[:, 0], stds, weights) > critical(LEVEL)
