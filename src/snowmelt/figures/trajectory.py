"""Samples on their way from noise to data: a strip of images, or a film of points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from numpy.typing import NDArray

from snowmelt.data.manifest import Manifest
from snowmelt.figures.density import Raster
from snowmelt.figures.films import cloud_film, cloud_strip
from snowmelt.figures.images import denoising_strip
from snowmelt.figures.style import save_png


def save_trajectory(
    folder: Path,
    frames: NDArray,
    times: Sequence[float],
    manifest: Manifest,
    *,
    background: Raster | None = None,
    reference: NDArray | None = None,
) -> None:
    """Draw how some samples came about: a strip for images, a film and a strip for points.

    Args:
        folder: gets `trajectory.png` and, for points, `trajectory.gif`.
        frames: stored examples at each moment, (K, N, *D).
        times: of the moments, noise first, (K,).
        manifest: of the data that they belong to.
        background: a density behind points.
        reference: real points behind them.
    """
    if manifest.value_range is not None:
        picture = denoising_strip(frames, times, manifest.value_range)
        save_png(picture, folder / "trajectory.png")
        return
    strip = cloud_strip(frames, times, background=background, reference=reference)
    save_png(strip, folder / "trajectory.png")
    cloud_film(
        folder / "trajectory.gif",
        [frames],
        [""],
        times,
        background=background,
        reference=reference,
    )
