"""Two densities of the plane in one picture: where paths begin, and where they end."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from snowmelt.densities.density import Density
from snowmelt.densities.kernel_density import KernelDensity, Silverman
from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.evaluation.plane.raster import extent_of, raster

# The rule is made for one normal heap, and blurs a density of several.
_NARROWER = 0.35
_NARROWEST = 1e-3
_MOST = 2000  # points that suggest a density


def two_densities(
    one: Density, other: Density, extent: Extent | None = None, cells: int = 120
) -> Raster:
    """The sum of the two, each over its own peak, so that either is seen on the other.

    Args:
        extent: what is shown; None: what both need.

    Raises:
        ValueError: an extent that is none.
    """
    shown = extent_of(one, other) if extent is None else extent
    values = raster([one, other], shown, cells).values
    peaks = values.max(axis=(1, 2), keepdims=True)
    shares = values / np.where(peaks > 0, peaks, 1.0)
    return Raster(shares.sum(axis=0, keepdims=True), shown)


def suggested(points: NDArray[np.floating]) -> KernelDensity:
    """The density that points suggest, by a narrow bump on each. Shapes: (N, 2)"""
    cloud = torch.from_numpy(np.asarray(points[:_MOST], dtype=np.float64))
    width = (_NARROWER * Silverman()(cloud)).clamp(min=_NARROWEST)
    return KernelDensity(cloud, width)
