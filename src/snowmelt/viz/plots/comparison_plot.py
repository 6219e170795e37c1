"""The figure of a comparison: the metric of each setting, and its samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from snowmelt.evaluation.comparison.comparison_table import spread_note
from snowmelt.evaluation.comparison.ranking import Comparison
from snowmelt.viz.plots.image_grid import (
    columns_within,
    image_grid,
    no_wider,
    side_by_side,
)
from snowmelt.viz.plots.point_scatter import scatter
from snowmelt.viz.style import (
    INK,
    MARKERS,
    MUTED,
    SERIES,
    VERMILLION,
    new_axes,
    rgb,
    stacked,
    styled,
)

WIDTH = 1100  # pixels, about
MOST_IN_ROW, MOST_IN_ROW_OF_IMAGES = 4, 3
ROWS = 4  # of images of a setting


def comparison_picture(
    comparison: Comparison,
    samples: Sequence[NDArray[Any] | None],
    value_range: Sequence[int] | None = None,
) -> Image.Image:
    """Dots with error bars and the floor, and below them samples of every setting.

    Args:
        comparison: of at least one setting.
        samples: stored images (N, C, H, W) or points (N, D) of each setting, if any.
        value_range: of stored images; None for points.
    """
    known = [
        (group.label, part)
        for group, part in zip(comparison.groups, samples, strict=True)
        if part is not None
    ]
    return stacked([rgb(comparison_dots(comparison)), *_sample_rows(known, value_range)])


@styled
def comparison_dots(
    comparison: Comparison,
    width: float = WIDTH / 110,
    *,
    is_told: bool = True,
    has_zero: bool = True,
) -> Figure:
    """A line for each setting: every seed faint, mean and spread strong.

    Args:
        width: in inches.
        is_told: whether verdicts and failures are written beside the dots.
        has_zero: whether the axis begins at zero, so that lengths can be compared.
    """
    groups, floor = comparison.groups, comparison.floor
    failed = comparison.failed if is_told else ()
    lines = len(groups)
    figure, (axes,) = new_axes(width, 1.1 + 0.5 * lines + 0.2 * len(failed))
    figure.set_dpi(110)
    for place, group in enumerate(groups):
        color = SERIES[place % len(SERIES)]
        marker = MARKERS[place % len(MARKERS)]
        if len(group.values) > 1:
            heights = np.full(len(group.values), place + 0.22)
            axes.scatter(group.values, heights, s=14, color=color, alpha=0.5, marker=marker)
        axes.errorbar(
            group.mean, place, xerr=group.spread, color=color, fmt=marker,
            markersize=8, capsize=4, elinewidth=2,
        )  # fmt: skip
        axes.annotate(
            group.verdict if is_told else "", (group.mean, place), xytext=(0, 9),
            textcoords="offset points", fontsize=8.5, color=MUTED, ha="center",
        )  # fmt: skip
    if floor is not None:
        axes.axvline(floor, color=VERMILLION, linestyle="--", linewidth=1.4)
        axes.annotate(
            "a perfect model", (floor, 0), xycoords=("data", "axes fraction"),
            xytext=(5, 5), textcoords="offset points", fontsize=8.5, color=VERMILLION,
        )  # fmt: skip
    axes.set_yticks(range(lines), [group.label for group in groups], color=INK)
    axes.set_ylim(lines - 0.5, -0.65)
    if has_zero:
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    else:
        axes.margins(x=0.3)  # room for words beside the outermost dots
    axes.grid(axis="y", visible=False)
    below = [f"{comparison.metric_label}, lower is better"]
    below += [spread_note(groups).replace("±", "bars")] if is_told else []
    below += [f"failed: {job.failure[:110]}" for job in failed]
    axes.set_xlabel("\n".join(below))
    return figure


def _sample_rows(
    known: Sequence[tuple[str, NDArray[Any]]], value_range: Sequence[int] | None
) -> list[Image.Image]:
    """The samples of the settings side by side, a few settings in a row."""
    rows = []
    most = MOST_IN_ROW if value_range is None else MOST_IN_ROW_OF_IMAGES
    in_row = min(len(known), most)
    for start in range(0, len(known), most):
        part = known[start : start + most]
        pictures = [_tile(samples, value_range, in_row) for _, samples in part]
        rows.append(rgb(side_by_side(pictures, [label for label, _ in part])))
    return rows


def _tile(
    samples: NDArray[Any], value_range: Sequence[int] | None, in_row: int
) -> Image.Image:
    """The first samples of one setting, in its share of the width."""
    width = min(WIDTH // in_row - 20, 520)
    if value_range is None:
        return rgb(scatter(samples)).resize((width, width), Image.Resampling.LANCZOS)
    columns = max(2, columns_within(width, samples))
    first = np.asarray(samples[: columns * max(columns, ROWS)])
    return no_wider(image_grid(first, value_range, columns), width)
