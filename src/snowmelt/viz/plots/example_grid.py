"""Examples as a picture, whatever they are: a grid of images or a scatter of points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from numpy.typing import NDArray

from snowmelt.viz.plots.image_grid import PAGE_PIXELS, image_grid, no_wider
from snowmelt.viz.plots.point_scatter import scatter
from snowmelt.viz.style import save_png


def save_examples(
    path: Path,
    stored: NDArray,
    value_range: Sequence[int] | None,
    reference: NDArray | None = None,
    columns: int | None = None,
) -> None:
    """Draw stored examples into a PNG file.

    Args:
        stored: images (N, C, H, W) or points (N, D).
        value_range: the values of images that are black and white; None for points.
        reference: points to draw below them.
        columns: images in a row; about as many as rows by default.
    """
    if value_range is not None:
        grid = image_grid(stored, value_range, columns)
        no_wider(grid, PAGE_PIXELS).save(path)
    else:
        save_png(scatter(stored, reference), path)
