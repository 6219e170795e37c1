"""Scenes of the transport of a normal density to that of the data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.evaluation.plane.score_fields import lattice
from snowmelt.sampling.samplers.loop import descend
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.viz.animation.density_animation import density_animation
from snowmelt.viz.density_gallery.gallery_material import Material, Paced, paced
from snowmelt.viz.density_gallery.scene import Chapter, Scene
from snowmelt.viz.plots.transport import carried
from snowmelt.viz.style import save_png

CELLS = 28
_FINER = 6  # what a cell is averaged over, and drawn with in the film
_PLACES = 23
_FARTHEST = 2.3


def draw_two_distributions(material: Material, folder: Path) -> None:
    """The normal distribution, the density, and a map from one to the other."""
    times = paced(material.size.frames).flip(0)
    cells = _in_cells(material, times)
    sharp = cells.values.repeat(_FINER, axis=1).repeat(_FINER, axis=2)
    raster, seconds = Raster(sharp, cells.extent), material.size.seconds
    density_animation(folder / "two_distributions.gif", raster, times.numpy(), seconds)
    first, second = (Raster(cells.values[[k]], cells.extent) for k in (0, -1))
    figure = carried(first, second, _ways(material).numpy())
    save_png(figure, folder / "two_distributions.png")


def _in_cells(material: Material, times: Tensor) -> Raster:
    """The probability of each cell at each time; of all cells 1."""
    size = material.size.model_copy(update={"cells": CELLS * _FINER})
    finer = replace(material, size=size)
    fine = finer.noisy_densities(material.preserving, times)
    shape = (len(times), CELLS, _FINER, CELLS, _FINER)
    coarse = fine.values.reshape(shape).sum(axis=(2, 4))
    return Raster(coarse / coarse.sum(axis=(1, 2), keepdims=True), fine.extent)


def _ways(material: Material) -> Tensor:
    """Where the ordinary equation carries places of the plane. Shapes: -> (K, M, 2)"""
    places = lattice(material.extent, _PLACES)
    start = places[places.square().sum(1) < _FARTHEST**2]
    states: list[Tensor] = []
    descend(
        material.denoiser(material.preserving),
        Heun(material.size.steps, grid=Paced()),
        start,
        index=torch.arange(len(start)),
        seed=material.seed,
        watch=lambda step, t, x: states.append(x),
    )
    return torch.stack(states)


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
            " Diffusion picks one without looking at the whole: follow the score of each"
            " time, and every dot of the first picture gets its place in the second.",
            "a normal distribution and the data's as tables of cells, their difference,"
            " and lines that carry one to the other",
            draw_two_distributions,
            has_animation=True,
        ),
    ),
)
