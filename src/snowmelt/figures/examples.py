"""Examples as a picture, whatever they are: a grid of images or a scatter of points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from numpy.typing import NDArray

from snowmelt.data.manifest import Manifest
from snowmelt.figures.images import denoising_strip, image_grid
from snowmelt.figures.points import scatter, trajectory_film, trajectory_strip
from snowmelt.figures.style import save_png


def save_examples(
    path: Path,
    stored: NDArray,
    manifest: Manifest,
    reference: NDArray | None = None,
) -> None:
    """Draw stored examples into a PNG file.

    Args:
        path: the file to write.
        stored: images (N, C, H, W) or points (N, D), as stored.
        manifest: of the data that they belong to.
        reference: points to draw below them.
    """
    if manifest.value_range is not None:
        image_grid(stored, manifest.value_range).save(path)
    else:
        save_png(scatter(stored, reference), path)


def save_trajectory(
    folder: Path, frames: NDArray, times: Sequence[float], manifest: Manifest
) -> None:
    """Draw how some samples came about: a strip for images, a film and a strip for points.

    Args:
        folder: gets `trajectory.png` and, for points, `trajectory.gif`.
        frames: stored examples at each moment, (K, N, *D).
        times: of the moments, noise first, (K,).
    """
    if manifest.value_range is not None:
        picture = denoising_strip(frames, times, manifest.value_range)
        save_png(picture, folder / "trajectory.png")
    else:
        save_png(trajectory_strip(frames, times), folder / "trajectory.png")
        trajectory_film(folder / "trajectory.gif", frames, times)
