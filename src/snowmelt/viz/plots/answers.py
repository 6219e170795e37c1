"""Images that samples were made from, the samples below them, and the truth below these."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from snowmelt.viz.plots.image_grid import (
    MARGIN,
    PAGE_PIXELS,
    columns_within,
    image_grid,
    no_wider,
    side_by_side,
)
from snowmelt.viz.style import rgba, stacked

MOST_ROWS = 4  # of answers


def answers_below(
    given: NDArray[np.uint8],
    answers: NDArray[np.uint8],
    real: NDArray[np.uint8] | None,
    value_range: Sequence[int],
) -> Image.Image:
    """A column for each image that is given: itself, its answers, and what was to be found.

    Args:
        given: uint8 (M, C, H, W).
        answers: (M, K, C, H, W).
        real: (M, C, H, W); None where no truth is known.
        value_range: the values that are black and white.
    """
    inside = PAGE_PIXELS - 2 * MARGIN
    columns = max(1, min(len(given), columns_within(inside, given)))
    shown = answers[:columns, :MOST_ROWS]
    title = "result" if shown.shape[1] == 1 else f"{shown.shape[1]} answers to each"
    blocks = {"start": given[:columns]}
    blocks[title] = np.swapaxes(shown, 0, 1).reshape(-1, *given.shape[1:])
    if real is not None:
        blocks["truth"] = real[:columns]
    drawn = [
        side_by_side([no_wider(image_grid(rows, value_range, columns), inside)], [name])
        for name, rows in blocks.items()
    ]
    return stacked([rgba(figure) for figure in drawn])
