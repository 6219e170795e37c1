r"""Densities on the points of a lattice, all at once.

A lattice is a product of places along each axis. So are the terms of a mixture whose
components have no correlations, and those of a grid of cells,

$$q(x, y) = \sum_k w_k\, f_k(x)\, g_k(y),$$

so each factor is asked for at the places of its own axis alone, and a picture of $W \times
H$ values is two small matrix products in place of $W H$ questions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least
from snowmelt.densities.density import Density
from snowmelt.densities.grid import GridDensity
from snowmelt.densities.mixture import GaussianMixture
from snowmelt.evaluation.plane.plane_arrays import Extent

_AXES = "abcdefgh"
_POINTS_AT_ONCE = 4096
# Below this the density in the middle of an interval is its mean, to nine digits.
_THIN = 1e-4


def centres(low: float, high: float, cells: int) -> Tensor:
    """The middles of equal cells between two ends. Shapes: -> (cells,) float64

    Raises:
        ValueError: no cell, or ends that are not finite and rising.
    """
    check_at_least(1, cells=cells)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"the ends must be finite and rising, got {low} and {high}")
    place = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    return low + (high - low) * place


def square_cells(extent: Extent, cells: int) -> list[Tensor]:
    """The middles along both axes of cells that are as nearly square as they can be.

    Args:
        extent: left, right, bottom, top.
        cells: along the longer side.

    Raises:
        ValueError: an extent that is none.
    """
    left, right, bottom, top = extent
    longer = max(right - left, top - bottom)
    return [
        centres(low, high, max(1, round(cells * (high - low) / longer)))
        for low, high in ((left, right), (bottom, top))
    ]


@functools.singledispatch
def on_lattice(density: Density, places: Sequence[Tensor]) -> Tensor:
    """The density itself, not its logarithm, at every point of a lattice.

    Args:
        density: of D dimensions.
        places: along each of the D axes.

    Shapes:
        places: D of (N_d,) -> (N_1, ..., N_D) float64

    Raises:
        ValueError: as many rows of places as the density has dimensions are needed.
    """
    points = torch.cartesian_prod(*places).reshape(-1, len(places)).to(torch.float64)
    parts = [density.log_prob(part) for part in points.split(_POINTS_AT_ONCE)]
    return torch.exp(torch.cat(parts)).reshape([len(row) for row in places])


@on_lattice.register
def _mixture(density: GaussianMixture, places: Sequence[Tensor]) -> Tensor:
    _check(density.size, places)
    if density.axes is not None:
        return on_lattice.dispatch(Density)(density, places)
    factors = []
    for axis, row in enumerate(places):
        variance = density.variances[:, axis]
        away = row.to(torch.float64)[:, None] - density.means[:, axis]
        factors.append(torch.exp(-0.5 * away**2 / variance) / _length(variance))
    names = _AXES[: len(places)]
    terms = ",".join(f"{name}k" for name in names)
    return torch.einsum(f"k,{terms}->{names}", density.weights, *factors)


@on_lattice.register
def _grid(density: GridDensity, places: Sequence[Tensor]) -> Tensor:
    _check(density.size, places)
    if density.std == 0:
        return on_lattice.dispatch(Density)(density, places)
    table, scale, std = density.weights, density.scale, density.std
    for axis, row in enumerate(places):
        away = (scale * density.centres(axis) - row.to(torch.float64)[:, None]) / std
        factor = _average(away, float(scale * density.widths[axis] / std)) / std
        # The axis that is done comes last, so that the next one stands first.
        table = torch.tensordot(table, factor, dims=([0], [1]))
    return table


def _average(middle: Tensor, width: float) -> Tensor:
    """The mean of the standard normal density over an interval.

    A picture needs no more than digits beside the peak, so the tails may be rounded, and
    this is many times as fast as `intervals.cut`, which keeps them.
    """
    if width < _THIN:
        return torch.exp(-0.5 * middle**2) / math.sqrt(2.0 * math.pi)
    low, high = middle - 0.5 * width, middle + 0.5 * width
    return (torch.special.ndtr(high) - torch.special.ndtr(low)) / width


def _length(variance: Tensor) -> Tensor:
    return torch.sqrt(2.0 * math.pi * variance)


def _check(size: int, places: Sequence[Tensor]) -> None:
    if len(places) != size:
        raise ValueError(
            f"a density of {size} dimensions needs as many rows of places, got"
            f" {len(places)}"
        )
