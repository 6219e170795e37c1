r"""Scores as arrows on a lattice.

A score grows like $1/\sigma$ towards the data, so those of two times cannot be drawn to one
scale. Other views of a score, say in the data's own units, go through `field`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from snowmelt.densities.exact import Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.plane.lattice import square_cells
from snowmelt.evaluation.plane.plane_arrays import Extent, VectorField
from snowmelt.evaluation.plane.view import View


def lattice(extent: Extent, cells: int = 18) -> Tensor:
    """The middles of `square_cells` as points of the plane. Shapes: -> (G, 2) float64"""
    return torch.cartesian_prod(*square_cells(extent, cells))


def field(
    vectors_at: Callable[[Tensor], Tensor], extent: Extent, cells: int = 18
) -> VectorField:
    """Any field of vectors on the lattice. Shapes: vectors_at: (G, 2) -> (G, 2)"""
    points = lattice(extent, cells)
    vectors = vectors_at(points).detach().cpu().to(torch.float64)
    return VectorField(points.numpy(), vectors.numpy())


def score_of_density(
    density: Perturbable, process: Process, t: Tensor, extent: Extent, cells: int = 18
) -> VectorField:
    """The true score of $x_t$, for data with the density given.

    Args:
        density: of two dimensions.
        extent, cells: see `lattice`; the places are states $x_t$.
    """
    return field(density.at(process, t.to(torch.float64)).score, extent, cells)


def score_of_denoiser(
    denoiser: Denoiser, t: Tensor, extent: Extent, cells: int = 18
) -> VectorField:
    """The score that a denoiser believes in; see `score_of_density`."""
    view = View(denoiser.process, is_scaled=False)
    return field(view.score(denoiser, t), extent, cells)


def difference(one: VectorField, other: VectorField) -> VectorField:
    """What has to be added to `other` to get `one`.

    Raises:
        ValueError: they are not at the same places.
    """
    if one.points.shape != other.points.shape or not np.array_equal(
        one.points, other.points
    ):
        raise ValueError("the two fields are not at the same places")
    return VectorField(one.points, one.vectors - other.vectors)
