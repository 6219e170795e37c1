r"""What a sampler makes of data that is known, before anything is trained.

The exact denoiser of a known law takes the place of the network, and the sampler runs as
it is configured: from its own start, along its own grid, with its threshold and its
guidance. Whatever it then misses is not the network's fault, and no training will mend it:
steps too long for an explicit rule, a start from the wrong distribution, a last step that
blurs, a corrector that stirs too much. No rule has to know the sampler by name.

The law is that of independent elements, every other one with two modes of unequal weight
and the rest normal: images within [-1, 1], or points of unit variance. What an element is
conditioned on, a class or an example to complete, is drawn from the same law, so the
samples have to follow it too; only a guidance that sharpens the classes is meant not to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.densities.elementwise import Elementwise
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.guidance.guidance import Conditioning, Draw, Guidance, Unguided
from snowmelt.sampling.samplers.sampler import Sampler

# Weights, means and standard deviations of the components of two kinds of elements.
Law = tuple[tuple[tuple[float, ...], ...], ...]
IMAGES: Law = (
    ((0.35, 0.65), (-0.75, 0.55), (0.1, 0.15)),
    ((0.5, 0.5), (-0.15, -0.15), (0.35, 0.35)),
)
POINTS: Law = (
    ((0.3, 0.7), (-1.5, 0.643), (0.19, 0.19)),
    ((0.5, 0.5), (0.0, 0.0), (1.0, 1.0)),
)
EDGE = {False: 0.98, True: 4.0}  # where images end; points hardly reach so far
VALUES = 3072  # of all samples together: their deviation is known to 2 % then


@dataclass(frozen=True)
class Outcome:
    """How far samples are from the law that they should follow.

    Attributes:
        mean_error: the largest distance of a mean from the true one, in the model's units.
        deviation: the standard deviation that is furthest from the true one, as a multiple
            of that.
        at_edge: the share of values at or beyond the edge of the data's range, where
            hardly any belong.
    """

    mean_error: float
    deviation: float
    at_edge: float

    @property
    def is_finite(self) -> bool:
        return math.isfinite(self.mean_error) and math.isfinite(self.deviation)


def law(shape: tuple[int, ...], *, is_points: bool) -> Elementwise:
    """The law of events of a shape; see the module."""
    kinds = torch.tensor(POINTS if is_points else IMAGES, dtype=torch.float64)
    chosen = kinds[torch.arange(math.prod(shape)) % len(kinds)]
    return Elementwise(*chosen.unbind(1))


def samples_of(shape: tuple[int, ...]) -> int:
    """How many events of a shape a dry run draws."""
    return max(16, math.ceil(VALUES / math.prod(shape)))


@torch.no_grad()
def dry_run(
    process: Process,
    prediction: Prediction,
    sampler: Sampler,
    shape: tuple[int, ...],
    *,
    is_points: bool = False,
    learned_variance: bool = False,
    guidance: Guidance | None = None,
) -> Outcome:
    """Draw from the exact denoiser of the law, and compare.

    Raises:
        ValueError: the parts do not go together.
        RuntimeError: a solver that chooses its own steps gave up.
    """
    density = law(shape, is_points=is_points)
    if guidance is not None and guidance.needs_labels:
        density.weights = torch.full_like(density.weights, 0.5)  # the classes in turn
    count = samples_of(shape)
    denoiser = density.denoiser(process, prediction, learned_variance)
    real = density.sample(count, seed=1).reshape(count, *shape)
    conditioning = Conditioning(shape, ("0", "1"), lambda index: real[index])
    asked = Draw(denoiser, sampler, torch.arange(count), conditioning, seed=0)
    drawn = (guidance or Unguided()).draw(asked)
    return _compared(drawn.double().flatten(1), density, EDGE[is_points])


def _compared(x: Tensor, density: Elementwise, edge: float) -> Outcome:
    """The outcome, over each kind of elements by itself. Shapes: x: (B, D)"""
    errors, ratios = [], []
    for kind in range(min(2, density.size)):
        values = x[:, kind::2]
        mean, std = float(density.mean()[kind]), float(density.std()[kind])
        errors.append(abs(float(values.mean()) - mean))
        ratios.append(float(values.std()) / std)
    at_edge = float((x.abs() >= edge).double().mean())
    return Outcome(max(errors), max(ratios, key=_distance), at_edge)


def _distance(ratio: float) -> float:
    """How far a ratio is from one; the furthest of all are no numbers and zero."""
    return abs(math.log(ratio)) if 0.0 < ratio < math.inf else math.inf
