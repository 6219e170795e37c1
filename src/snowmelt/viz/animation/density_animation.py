"""Animations of a density that changes in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.animation.canvas import Canvas
from snowmelt.viz.animation.gif import palette
from snowmelt.viz.plots.density_plot import DEEP_TONES, draw_density, tones
from snowmelt.viz.style import styled


@styled
def density_animation(
    path: Path,
    raster: Raster,
    times: ArrayLike,
    seconds: float = 4.0,
    *,
    title: str = "",
) -> None:
    """Write a GIF of a density that moves, the last moment held.

    Args:
        raster: the density at K moments.
        times: (K,), shown by the clock below.

    Raises:
        ValueError: not as many times as moments.
    """
    clock = np.asarray(times, dtype=np.float64)
    if clock.shape != raster.values.shape[:1]:
        raise ValueError(
            f"one time a moment is needed, got the shape {clock.shape} for values of the"
            f" shape {raster.values.shape}"
        )
    canvas = Canvas([title], raster.extent, clock)
    (axes,) = canvas.panels
    image = draw_density(axes, raster.values[0], raster.extent, pale=False)

    def show(index: int) -> None:
        image.set_data(tones(raster.values[index]))

    canvas.record(path, [image], show, palette(DEEP_TONES, []), seconds)
