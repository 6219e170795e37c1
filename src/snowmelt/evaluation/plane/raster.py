"""Densities in the plane as pictures, and the part of the plane that shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from snowmelt.densities.density import Density
from snowmelt.evaluation.plane.lattice import on_lattice, square_cells
from snowmelt.evaluation.plane.plane_arrays import Extent, Raster

_DRAWN = 4096
_MARGIN = 1.08
# Strays beyond this share of the distances from the middle are not waited for.
_SHARE = 0.995


def extent_of(*shown: Density | ArrayLike | Tensor) -> Extent:
    """A square around all that is to be seen; of a density, around points drawn from it.

    A few strays are left outside, or one of them would shrink all the others to a dot.

    Args:
        shown: densities, and points (..., D), of which the first two coordinates count.

    Raises:
        ValueError: there is no finite point to look at.
    """
    clouds = [_points(part) for part in shown]
    points = np.concatenate([cloud[np.isfinite(cloud).all(axis=1)] for cloud in clouds])
    if not len(points):
        raise ValueError("there is no finite point to look at")
    # The middle of the bulk, not of the strays.
    low, high = np.quantile(points, [1.0 - _SHARE, _SHARE], axis=0)
    middle = 0.5 * (low + high)
    reach = np.abs(points - middle).max(axis=1)
    half = _MARGIN * float(np.quantile(reach, _SHARE)) or 1.0
    x, y = (float(value) for value in middle)
    return x - half, x + half, y - half, y + half


def raster(densities: Sequence[Density], extent: Extent, cells: int = 120) -> Raster:
    """Densities of the plane as a picture each, all of the same part of it.

    Args:
        densities: of two dimensions each.
        cells: along the longer side; they are square, as nearly as whole numbers allow.

    Raises:
        ValueError: no density, or an extent that is none.
    """
    if not densities:
        raise ValueError("at least one density is needed")
    places = square_cells(extent, cells)
    # The first axis of the density is that of the picture's columns.
    pictures = [on_lattice(density, places).T for density in densities]
    return Raster(torch.stack(pictures).numpy(), extent)


def _points(shown: Density | ArrayLike | Tensor) -> np.ndarray:
    """What is there as (N, 2) points of the plane."""
    if isinstance(shown, Density):
        shown = shown.sample(_DRAWN, seed=0, dtype=torch.float64)
    if isinstance(shown, Tensor):
        shown = shown.detach().cpu().numpy()
    points = np.asarray(shown, dtype=np.float64)
    points = points.reshape(-1, points.shape[-1])[:, :2]
    if points.shape[1] == 1:
        points = np.column_stack([points, np.zeros(len(points))])
    return points
