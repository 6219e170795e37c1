"""What the pictures of one model of points share."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from snowmelt.common.randomness import Stream, normal
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.densities.exact import Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.plane import View, extent_of, marginal, raster
from snowmelt.evaluation.plane.plane_arrays import Extent, Raster

MOST_POINTS = 4000
CELLS = 150


@dataclass(frozen=True, eq=False)
class Setting:
    """A model of points, and what is known of the truth.

    Attributes:
        denoiser: free of guidance; told no class.
        view: how its states are looked at, by a process on the processor.
        size: D, the number of coordinates.
        density: of the data, in the model's units; None where nobody knows it.
        real: points of the data, (N, D) float32 in the model's units; None without.
        seed: of all noise.
    """

    denoiser: Denoiser
    view: View
    size: int
    density: Perturbable | None
    real: Tensor | None
    seed: int

    @classmethod
    def of(
        cls,
        denoiser: Denoiser,
        manifest: Manifest,
        density: Perturbable | None,
        real: Tensor | None,
        seed: int,
    ) -> Setting:
        """The setting of a model of the data that a manifest describes.

        Where no real points are there, draws from the density stand for them: they are as
        real as any.
        """
        if real is None and density is not None:
            real = density.sample(MOST_POINTS, seed=seed)
        view = View(
            on_processor(denoiser.process), manifest.mean or 0.0, manifest.std or 1.0
        )
        return cls(denoiser, view, manifest.shape[0], density, real, seed)

    @property
    def process(self) -> Process:
        """The process, on the processor."""
        return self.view.process

    def seen(self, states: Tensor, t: float) -> NDArray[np.float64]:
        """States of a time as they are seen. Shapes: (N, D) -> (N, D)"""
        return self.view.places(states, torch.tensor(t, dtype=torch.float64)).numpy()

    def reference(self) -> NDArray[np.float64] | None:
        """Real points to lie behind, where no density can. Shapes: -> (N, D)"""
        if self.real is None or (self.density is not None and self.size > 1):
            return None
        return self.seen(self.real, 0.0)

    def extent_with(self, data: NDArray[np.floating] | None = None) -> Extent:
        """The part of the plane that holds data and noise.

        Args:
            data: what stands for the data, as it is seen, where no real points are there.
        """
        index = torch.arange(MOST_POINTS)
        noise = normal((self.size,), seed=0, stream=Stream.DENSITY, index=index)
        shown = [self.seen(noise * self.process.prior_std(), 1.0)]
        if self.real is not None:
            data = self.seen(self.real, 0.0)
        return extent_of(*shown, *([] if data is None else [data]))

    def rasters(self, times: Sequence[float], extent: Extent) -> Raster | None:
        """The density of the first two coordinates at each time, where it is known."""
        if self._flat is None:
            return None
        view = self.view.along(0, 1)
        clock = torch.tensor(times, dtype=torch.float64)
        return raster([view.density(self._flat, t) for t in clock], extent, CELLS)

    @functools.cached_property
    def _flat(self) -> Perturbable | None:
        if self.density is None or self.size < 2:
            return None
        return self.density if self.size == 2 else marginal(self.density, (0, 1))


def on_processor(process: Process) -> Process:
    """A process to ask with times of the processor; a learned schedule is copied there."""
    here, schedule = copy.copy(process), process.schedule
    if isinstance(schedule, nn.Module):
        here.schedule = copy.deepcopy(schedule).to("cpu")
    return here
