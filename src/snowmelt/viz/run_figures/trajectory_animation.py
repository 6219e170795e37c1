"""Animations of trajectories, over the density of each time where it is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from numpy.typing import NDArray

from snowmelt.viz.animation.cloud_animation import cloud_animation, cloud_strip
from snowmelt.viz.run_figures.raster_array import raster_of
from snowmelt.viz.style import save_png

FILMED = 2500  # more would make an animation too heavy to embed


def save_way(
    target: Path, way: Mapping[str, NDArray], behind: Mapping[str, NDArray], real: NDArray
) -> None:
    """Write an animation and a strip of it.

    Args:
        target: the two files without their suffixes.
        way: `frames` (K, N, D) at `times` (K,).
        behind: the density of each moment; see `evaluation.plane.truth_arrays`.
        real: points (M, D) to lie behind where no density can.
    """
    frames, times = way["frames"][:, :FILMED], way["times"]
    density = raster_of(behind)
    reference = real[:FILMED] if density is None else None
    strip = cloud_strip(frames, times, background=density, reference=reference)
    save_png(strip, target.with_suffix(".png"))
    clip = target.with_suffix(".gif")
    cloud_animation(clip, [frames], [""], times, background=density, reference=reference)
