"""A model of points, and what is known of the truth: what its pictures share."""

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
from snowmelt.evaluation.plane.marginals import marginal
from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.evaluation.plane.raster import extent_of, raster
from snowmelt.evaluation.plane.view import View

PRIOR_POINTS = 4000
CELLS = 150


@dataclass(frozen=True, eq=False)
class PointModel:
    """A model of points, what is known of the truth, and how both are looked at.

    Attributes:
        denoiser: without guidance, unconditional.
        manifest: of the data that it was trained on.
        density: of the data, in the model's units; None where nobody knows it.
        real: points of the data, (N, D) float32 in the model's units; None without.
    """

    denoiser: Denoiser
    manifest: Manifest
    density: Perturbable | None
    real: Tensor | None
    seed: int

    @functools.cached_property
    def view(self) -> View:
        """How states are looked at: in the data's units, by a process on the processor."""
        process = on_processor(self.denoiser.process)
        return View(process, self.manifest.mean or 0.0, self.manifest.std or 1.0)

    @property
    def size(self) -> int:
        return self.manifest.shape[0]

    @property
    def process(self) -> Process:
        return self.view.process

    def seen(self, states: Tensor, t: float) -> NDArray[np.float64]:
        """States of a time as they are seen. Shapes: (N, D) -> (N, D)"""
        return self.view.places(states, torch.tensor(t, dtype=torch.float64)).numpy()

    def extent(self) -> Extent:
        """The part of the plane that holds noise and, where there are any, real points."""
        index = torch.arange(PRIOR_POINTS)
        noise = normal((self.size,), seed=0, stream=Stream.DENSITY, index=index)
        shown = [self.seen(noise * self.process.prior_std(), 1.0)]
        if self.real is not None:
            shown.append(self.seen(self.real, 0.0))
        return extent_of(*shown)

    def rasters(self, times: Sequence[float]) -> Raster | None:
        """The density of the first two coordinates at each time, where it is known."""
        if self.density is None or self.size < 2:
            return None
        flat = self.density if self.size == 2 else marginal(self.density, (0, 1))
        view = self.view.along(0, 1)
        clock = torch.tensor(times, dtype=torch.float64)
        return raster([view.density(flat, t) for t in clock], self.extent(), CELLS)


def on_processor(process: Process) -> Process:
    """A process to ask with times of the processor; a learned schedule is copied there."""
    here, schedule = copy.copy(process), process.schedule
    if isinstance(schedule, nn.Module):
        here.schedule = copy.deepcopy(schedule).to("cpu")
    return here
