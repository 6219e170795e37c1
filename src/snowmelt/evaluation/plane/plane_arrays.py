"""The arrays that pictures of the plane are drawn from: densities, arrows and curves.

Whoever computes them and whoever draws them share these shapes and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Extent = tuple[float, float, float, float]
"""Left, right, bottom and top."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Values of a density in the cells of a rectangle, at one moment or at several.

    Attributes:
        values: (K, H, W), the row of index 0 at the bottom; K = 1 for one that stands.
        extent: left, right, bottom and top edge of the rectangle.

    Raises:
        ValueError: values of another shape, or edges that are not finite and rising.
    """

    values: NDArray[np.floating]
    extent: Extent

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or 0 in self.values.shape:
            raise ValueError(
                f"values must be (K, H, W) and not empty, got the shape {self.values.shape}"
            )
        left, right, bottom, top = self.extent
        if not np.isfinite(self.extent).all() or left >= right or bottom >= top:
            raise ValueError(
                "extent must be finite and rising (left, right, bottom, top), got"
                f" {tuple(self.extent)}"
            )

    def at(self, moment: int) -> NDArray[np.floating]:
        """The values (H, W) of a moment; those of one that stands at any."""
        return self.values[moment if len(self.values) > 1 else 0]

    def require(self, moments: int) -> None:
        """Refuse to stand behind another number of moments.

        Raises:
            ValueError: K is neither 1 nor `moments`.
        """
        if len(self.values) not in (1, moments):
            raise ValueError(
                f"a raster behind {moments} moments must have 1 or {moments} of its own,"
                f" got values of the shape {self.values.shape}"
            )


@dataclass(frozen=True, eq=False)
class VectorField:
    """Arrows in the plane.

    Attributes:
        points: (G, 2), the middle of each; best those of a lattice.
        vectors: (G, 2), their directions and lengths; what is not finite is not drawn.

    Raises:
        ValueError: shapes that differ or are not (G, 2).
    """

    points: NDArray[np.floating]
    vectors: NDArray[np.floating]

    def __post_init__(self) -> None:
        shapes = self.points.shape, self.vectors.shape
        if shapes[0] != shapes[1] or len(shapes[0]) != 2 or shapes[0][1] != 2:
            raise ValueError(
                f"points and vectors must both be (G, 2), got the shapes {shapes[0]} and"
                f" {shapes[1]}"
            )

    def lengths(self) -> NDArray[np.float64]:
        """How long each vector is. Shapes: -> (G,)"""
        return np.hypot(*np.asarray(self.vectors, dtype=np.float64).T)

    def rms(self) -> float:
        """The root of the mean square length of the finite ones; NaN without any."""
        lengths = self.lengths()
        lengths = lengths[np.isfinite(lengths)]
        return float(np.sqrt(np.mean(lengths**2))) if len(lengths) else np.nan


@dataclass(frozen=True, eq=False)
class KernelPair:
    """The exact step back from one state, and the normal one in its place.

    Attributes:
        places: (G,) of the earlier state, rising.
        exact, normal: (G,) the two densities there.
        start: the later state that both steps start from.
        divergence: of the normal from the exact one, in nats.
    """

    title: str
    places: NDArray[np.floating]
    exact: NDArray[np.floating]
    normal: NDArray[np.floating]
    start: float
    divergence: float


@dataclass(frozen=True, eq=False)
class PathCurve:
    """What one kind of normal step loses over whole paths.

    Attributes:
        steps: (K,) numbers of steps, rising.
        divergences: (K,) in nats.
        order: the power of the number of steps that they fall by in the end.
    """

    name: str
    steps: NDArray[np.floating]
    divergences: NDArray[np.floating]
    order: float
