"""Scenes of the transport of a normal density to that of the data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.evaluation.plane.carried_cells import (
    Parcels,
    carried_cells,
    parcels,
    places,
)
from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.evaluation.plane.score_fields import lattice
from snowmelt.sampling.samplers.loop import descend
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.sampling.trajectories import Trajectory
from snowmelt.viz.animation.cloud_animation import cloud_animation
from snowmelt.viz.density_gallery.gallery_material import Material, Paced, frames_of
from snowmelt.viz.density_gallery.scene import Chapter, Scene
from snowmelt.viz.plots.transport import carried
from snowmelt.viz.style import save_png

Array = NDArray[np.int64]
CELLS = 28
_FINER = 6  # what a cell is averaged over, and drawn with in the film
_PLACES = 23
_FARTHEST = 2.3
CELL_BY_CELL, BY_FLOW = "cell by cell, least work", "by the flow"


def draw_two_distributions(material: Material, folder: Path) -> None:
    """The normal distribution, the density, and two maps from one to the other."""
    flow = _flow(material)
    moved = frames_of(flow, material.size.frames)
    times = moved.times.numpy()
    by_flow = _in_cells(material, moved.times)
    first, second = (Raster(by_flow.values[[k]], by_flow.extent) for k in (0, -1))
    plan = parcels(first, second)
    by_cells = carried_cells(plan, first, 1.0 - times)
    shown = _one_of_each_cell(plan, first)
    clouds = [
        np.stack([places(plan, first, share)[shown] for share in 1.0 - times]),
        moved.states.numpy(),
    ]
    cloud_animation(
        folder / "two_distributions.gif",
        clouds,
        [CELL_BY_CELL, BY_FLOW],
        times,
        background=[_sharp(by_cells), _sharp(by_flow)],
        seconds=material.size.seconds,
    )
    ends = np.stack([places(plan, first, share)[shown] for share in (0.0, 1.0)])
    ways = {CELL_BY_CELL: ends, BY_FLOW: flow.states.numpy()}
    save_png(carried(first, second, ways), folder / "two_distributions.png")


def _one_of_each_cell(plan: Parcels, first: Raster) -> Array:
    """The heaviest parcel of each cell that is not far out. Shapes: -> (n,)"""
    heaviest = np.argsort(-plan.weights, kind="stable")
    _, begun = np.unique(plan.origins[heaviest], axis=0, return_index=True)
    found = np.sort(heaviest[begun])
    origins = places(plan, first, 0.0)[found]
    return found[np.square(origins).sum(axis=1) < _FARTHEST**2]


def _sharp(cells: Raster) -> Raster:
    """The same with cells that stay to be seen where pictures are smoothed."""
    fine = cells.values.repeat(_FINER, axis=1).repeat(_FINER, axis=2)
    return Raster(fine, cells.extent)


def _in_cells(material: Material, times: Tensor) -> Raster:
    """The probability of each cell at each time; of all cells 1."""
    size = material.size.model_copy(update={"cells": CELLS * _FINER})
    finer = replace(material, size=size)
    fine = finer.noisy_densities(material.preserving, times)
    shape = (len(times), CELLS, _FINER, CELLS, _FINER)
    coarse = fine.values.reshape(shape).sum(axis=(2, 4))
    return Raster(coarse / coarse.sum(axis=(1, 2), keepdims=True), fine.extent)


def _flow(material: Material) -> Trajectory:
    """Where the ordinary equation carries places of the plane."""
    every = lattice(material.extent, _PLACES)
    start = every[every.square().sum(1) < _FARTHEST**2]
    states: list[Tensor] = []
    times: list[Tensor] = []

    def keep(step: int, t: Tensor, x: Tensor) -> None:
        times.append(t)
        states.append(x)

    descend(
        material.denoiser(material.preserving),
        Heun(material.size.steps, grid=Paced()),
        start,
        index=torch.arange(len(start)),
        seed=material.seed,
        watch=keep,
    )
    return Trajectory(torch.stack(times), torch.stack(states))


CHAPTER = Chapter(
    "From one distribution to another",
    (
        Scene(
            "two_distributions",
            "Two distributions, and a way between them",
            "What does it mean to transform one probability distribution into another?",
            "Both are tables: each cell of the plane has a probability, and all of them"
            " add up to one. To turn the known table into the wanted one, probability has"
            " to leave some cells and come to others; many ways of carrying it would do."
            " Cell by cell one can ask for the plan of least work, mass times the square of"
            " the way; it has to know both tables as a whole. Diffusion looks at no"
            " table: follow the score of each time, and every dot of the first picture"
            " gets its place in the second.",
            "a normal distribution and the data's as tables of cells, their difference,"
            " and lines that carry one to the other, by the plan of least work and by the"
            " flow",
            draw_two_distributions,
            has_animation=True,
        ),
    ),
)
