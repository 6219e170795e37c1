"""The densities that lie behind points, out of a file of arrays."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Extent, Raster


def raster_of(arrays: Mapping[str, NDArray]) -> Raster | None:
    """The raster of `values` on `extent`; None where no density is known."""
    if "values" not in arrays:
        return None
    return Raster(arrays["values"], extent_in(arrays["extent"]))


def extent_in(edges: NDArray) -> Extent:
    """Left, right, bottom and top out of an array. Shapes: (4,)"""
    left, right, bottom, top = edges.tolist()
    return left, right, bottom, top
