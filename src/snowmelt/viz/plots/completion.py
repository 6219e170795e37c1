"""Real examples, what was observed of them and their completions, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from numpy.typing import NDArray

from snowmelt.viz.plots.image_grid import (
    MARGIN,
    PAGE_PIXELS,
    columns_within,
    image_grid,
    no_wider,
    side_by_side,
)
from snowmelt.viz.plots.point_scatter import clouds_beside
from snowmelt.viz.style import save_png

FEWEST_COLUMNS, MOST_COLUMNS = 2, 4


def save_completion(
    path: Path,
    *,
    truth: NDArray,
    seen: NDArray | None,
    completed: NDArray,
    value_range: Sequence[int] | None,
) -> None:
    """Draw stored examples into a PNG file, the same place in each block for each.

    Args:
        truth: the real examples, images (N, C, H, W) or points (N, D).
        seen: what was known of them, in their own shape; None to leave it out.
        completed: the samples that go with what was known.
        value_range: the values of images that are black and white; None for points.
    """
    named = {"real": truth, "what was seen": seen, "completed": completed}
    shown = {title: part for title, part in named.items() if part is not None}
    if value_range is None:
        save_png(clouds_beside(list(shown.values()), list(shown)), path)
        return
    width = (PAGE_PIXELS - MARGIN) // len(shown) - MARGIN
    columns = min(max(columns_within(width, truth), FEWEST_COLUMNS), MOST_COLUMNS)
    count = len(truth) // columns * columns or len(truth)  # whole rows
    grids = [
        no_wider(image_grid(part[:count], value_range, columns), width)
        for part in shown.values()
    ]
    save_png(side_by_side(grids, list(shown)), path)
