r"""The density of some coordinates alone, and how that of one moves in time.

What is left of a mixture when only some coordinates are looked at is the mixture of what is
left of its components; of a grid, the grid of the sums over the others. Both stay known at
every time, so the picture of a density that melts into noise, with time from left to right,
is exact: no histogram, and no points.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from snowmelt.densities.density import Density
from snowmelt.densities.exact import Perturbable
from snowmelt.densities.grid import GridDensity
from snowmelt.densities.kernel_density import KernelDensity, Silverman
from snowmelt.densities.mixture import GaussianMixture
from snowmelt.evaluation.plane.lattice import centres, on_lattice
from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.evaluation.plane.view import View

_DRAWN = 4000
# The rule is made for one normal heap, and blurs a density of several.
_NARROWER = 0.35
_NARROWEST = 1e-3


@functools.singledispatch
def marginal(density: Density | Tensor, axes: Sequence[int] = (0,)) -> Perturbable:
    """The density of the coordinates `axes` alone.

    Exact for mixtures and grids. Of any other density, and of points, a kernel density of
    points, whose bumps widen what they stand for.

    Args:
        density: of D dimensions; or points (N, D) that suggest one.
        axes: which coordinates, in this order.

    Raises:
        ValueError: a coordinate that there is none of.
    """
    if isinstance(density, Density):
        points = density.sample(_DRAWN, seed=0, dtype=torch.float64)
    elif isinstance(density, Tensor):
        points = density
    else:
        raise TypeError(f"a density or points are needed, got {type(density).__name__}")
    points = points.detach().cpu().flatten(1).to(torch.float64)
    points = points[:, _checked(axes, points.shape[1])]
    # A coordinate that never changes has no width of its own.
    width = (_NARROWER * Silverman()(points)).clamp(min=_NARROWEST)
    return KernelDensity(points, width)


@marginal.register
def _mixture(density: GaussianMixture, axes: Sequence[int] = (0,)) -> GaussianMixture:
    kept = _checked(axes, density.size)
    means = density.means[:, kept]
    if density.axes is None:
        return GaussianMixture(density.weights, means, density.variances[:, kept])
    rows = density.axes[:, kept]
    covariances = (rows * density.variances[:, None, :]) @ rows.mT
    return GaussianMixture(density.weights, means, covariances)


@marginal.register
def _grid(density: GridDensity, axes: Sequence[int] = (0,)) -> GridDensity:
    kept = _checked(axes, density.size)
    others = [axis for axis in range(density.size) if axis not in kept]
    weights = density.weights.sum(others) if others else density.weights
    rising = sorted(kept)
    some = copy.copy(density)
    some.weights = weights.permute([rising.index(axis) for axis in kept])
    some.low, some.widths = density.low[kept], density.widths[kept]
    return some


def marginal_in_time(
    density: Perturbable | Tensor,
    view: View,
    low: float,
    high: float,
    *,
    axis: int = 0,
    columns: int = 160,
    rows: int = 160,
) -> Raster:
    """The density of one coordinate at every time: time to the right, the place upwards.

    A column is the density at the middle of its share of the time from 0 to 1.

    Args:
        density: of the data, in the model's units; or points (N, D) that suggest one.
        view: of the process; `View(process)` shows its own states.
        low, high: the places, in what is seen, that the picture reaches from and to.

    Raises:
        ValueError: ends that are not rising, or a coordinate that there is none of.
    """
    alone, seen = marginal(density, (axis,)), view.along(axis)
    place = centres(low, high, rows)
    times = centres(0.0, 1.0, columns)
    found = [on_lattice(seen.density(alone, t), [place]) for t in times]
    values = torch.stack(found, 1)[None]
    return Raster(values.numpy(), (0.0, 1.0, low, high))


def _checked(axes: Sequence[int], size: int) -> list[int]:
    if not axes or len(set(axes)) != len(axes) or not all(0 <= a < size for a in axes):
        raise ValueError(
            f"axes must be different ones of {size} coordinates from 0, got {list(axes)}"
        )
    return list(axes)
