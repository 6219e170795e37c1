r"""The material of all scenes: a known density, processes, points and times.

The density is first moved and scaled to mean 0 and variance 1, averaged over the axes, as
data is before a model learns it; then a process that preserves variance ends in the
standard normal distribution, and one picture frame fits all.

The processes are fixed, not those of the configuration, so that the animations of two
densities can be compared:

- *preserving*: variance preserving with Ho et al.'s linear betas, whose reverse SDE
  even the Euler-Maruyama method solves well;
- *walk*: pure noise, $dx = g\,dW$ with constant $g$, up to a variance of 4, at which two
  modes of unit variance have merged;
- *ornstein_uhlenbeck*: the same noise with a drift towards the mean, variance preserving
  with constant beta.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from snowmelt.densities import Gaussian, GaussianMixture, Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Exponential, Linear, RandomWalk
from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.evaluation.plane.raster import raster
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.trajectories import Trajectory
from snowmelt.viz.density_gallery.settings import GallerySettings

WALK_VARIANCE = 4.0
PULL_RATE = 4.0
PACE = 1.7
_ASKED, _SHARE = 2000, 0.998
# Half the side of the frame that a standard normal cloud needs, and room for the data.
NORMAL_REACH, ROOM = 3.0, 1.12


@dataclass(frozen=True)
class Material:
    """A density of the plane, and the processes that perturb it.

    Attributes:
        name: of the density.
        density: of mean 0 and variance 1.
        size: of the pictures.
        start: where bridges begin, in the unit of the density; None for a standard normal
            distribution.
        start_name: what the page calls it.
        learned: a denoiser that was trained on points of the density, in the same units.
        seed: of all points and noise.
    """

    name: str
    density: Perturbable
    size: GallerySettings = field(default_factory=GallerySettings)
    start: GaussianMixture | None = None
    start_name: str = "normal noise"
    learned: Denoiser | None = None
    seed: int = 0

    @functools.cached_property
    def preserving(self) -> Process:
        return VariancePreserving(Linear())

    @functools.cached_property
    def walk(self) -> Process:
        return VarianceExploding(RandomWalk(1e-4, WALK_VARIANCE))

    @functools.cached_property
    def ornstein_uhlenbeck(self) -> Process:
        return VariancePreserving(Exponential(PULL_RATE))

    @functools.cached_property
    def points(self) -> Tensor:
        """Draws of the density. Shapes: -> (N, 2)"""
        return self.density.sample(self.size.points, seed=self.seed)

    @property
    def start_density(self) -> GaussianMixture:
        """Where bridges begin."""
        return Gaussian([0.0, 0.0], std=1.0) if self.start is None else self.start

    @functools.cached_property
    def reach(self) -> float:
        """Half the side of a frame around the data and around a standard normal cloud."""
        points = self.density.sample(_ASKED, seed=self.seed, dtype=torch.float64)
        farthest = float(points.abs().amax(1).quantile(_SHARE))
        return max(NORMAL_REACH, ROOM * farthest)

    @property
    def walk_reach(self) -> float:
        """The same where pure noise was added up to the end of the walk."""
        return math.sqrt(1.0 + WALK_VARIANCE) * NORMAL_REACH

    @property
    def extent(self) -> Extent:
        """The frame: left, right, bottom and top."""
        return (-self.reach, self.reach, -self.reach, self.reach)

    def denoiser(self, process: Process) -> Denoiser:
        """The exact denoiser, which returns the posterior mean."""
        return self.density.denoiser(process, V())

    def noisy_densities(
        self, process: Process, times: Tensor, reach: float | None = None
    ) -> Raster:
        """The density at each of these times; `reach` of another frame. times: (K,)"""
        half = self.reach if reach is None else reach
        extent = (-half, half, -half, half)
        noisy = [self.density.at(process, t) for t in times]
        return raster(noisy, extent, self.size.cells)

    @functools.cached_property
    def still(self) -> Raster:
        """The density without noise."""
        return raster([self.density], self.extent, self.size.cells)


def evenly(count: int) -> Tensor:
    """Equally spaced times from data to noise. Shapes: -> (count,) float64"""
    return torch.linspace(0, 1, count, dtype=torch.float64)


def paced(count: int) -> Tensor:
    """Times from data to noise, denser near the data, where structure is lost and found.

    Shapes:
        -> (count,) float64
    """
    return evenly(count) ** PACE


class Paced(Grid):
    """The time grid of a sampler whose every state is shown: `paced` in reverse."""

    def times(self, steps: int, process: Process) -> Tensor:
        return paced(steps + 1)[1:].flip(0)


def frames_of(path: Trajectory, count: int) -> Trajectory:
    """Evenly chosen moments of a trajectory, at most so many; both ends are kept."""
    last = len(path.times) - 1
    chosen = torch.linspace(0, last, min(count, last + 1)).round().to(torch.int64)
    return Trajectory(path.times[chosen], path.states[chosen])
