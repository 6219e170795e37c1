"""Memorisation as a person sees it: the nearest pairs, and all distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
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
from snowmelt.viz.style import BLUE, MUTED, VERMILLION, new_axes, rgba, stacked, styled

SPACES = {"features": "by features", "pixels": "by pixels"}
WHOSE = {"worst": "samples", "held_out_worst": "held-out examples"}
Arrays = Mapping[str, NDArray]


def nearest_pairs(arrays: Arrays, value_range: Sequence[int]) -> Image.Image:
    """The samples nearest to training images, above these; then held-out examples.

    Args:
        arrays: of nearest.npz, of images; see `snowmelt.evaluation.nearest_arrays`.
    """
    rows = [
        _block(arrays[key], arrays[f"{key}_train"], value_range, f"{whose} {how}")
        for space, how in SPACES.items()
        for end, whose in WHOSE.items()
        if (key := f"{space}_{end}") in arrays
    ]
    return stacked([rgba(figure) for figure in rows])


def _block(
    images: NDArray, train: NDArray, value_range: Sequence[int], what: str
) -> Figure:
    """A row of images above a row of their nearest training images, nearest first."""
    inside = PAGE_PIXELS - 2 * MARGIN
    columns = max(1, min(len(images), columns_within(inside, images)))
    both = np.concatenate([images[:columns], train[:columns]])
    picture = no_wider(image_grid(both, value_range, columns), inside)
    return side_by_side([picture], [f"{what}, above the nearest training examples"])


@styled
def nearest_distances(arrays: Arrays) -> Figure:
    """The share of samples, and of held-out examples, within each distance."""
    spaces = [space for space in SPACES if f"{space}_samples" in arrays]
    figure, panels = new_axes(9.2, 3.2, len(spaces))
    for axes, space in zip(panels, spaces, strict=True):
        real = np.sort(arrays[f"{space}_held_out"])
        drawn = np.sort(arrays[f"{space}_samples"])
        for values, color, style, label in (
            (real, VERMILLION, "--", "held-out examples"),
            (drawn, BLUE, "-", "samples"),
        ):
            shares = (np.arange(len(values)) + 1) / len(values)
            thin = np.linspace(0, len(values) - 1, min(len(values), 400)).astype(int)
            axes.plot(values[thin], shares[thin], color=color, linestyle=style, label=label)
        axes.axhline(0.05, color=MUTED, linewidth=0.8)
        axes.set(
            xlabel=f"distance to the nearest training example, {SPACES[space]}",
            ylabel="share within",
            ylim=(0, 1),
        )
    panels[0].legend(loc="lower right")
    return figure
