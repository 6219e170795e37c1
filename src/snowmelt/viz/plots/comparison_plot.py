"""The figure of a comparison: the metric of each setting, and its samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from snowmelt.viz.plots.image_grid import image_grid, side_by_side
from snowmelt.viz.plots.point_scatter import scatter
from snowmelt.viz.style import (
    INK,
    MARKERS,
    MUTED,
    SERIES,
    VERMILLION,
    new_axes,
    rgb,
    styled,
)

WIDTH = 1100  # pixels, about
MOST_IN_ROW = 4


@dataclass(frozen=True)
class Entry:
    """One setting as it is drawn.

    Attributes:
        label: its name.
        values: the metric of each seed.
        mean: of the values.
        spread: half-width of the error bar, if one is known.
        verdict: how it stands to the best.
        samples: stored images (N, C, H, W) or points (N, D), if any.
    """

    label: str
    values: Sequence[float]
    mean: float
    spread: float | None = None
    verdict: str = ""
    samples: NDArray[Any] | None = None


def comparison_picture(
    entries: Sequence[Entry],
    metric_label: str,
    floor: float | None = None,
    value_range: Sequence[int] | None = None,
    failed: Sequence[str] = (),
) -> Image.Image:
    """Dots with error bars and the floor, and below them samples of every setting.

    Args:
        entries: best first, at least one.
        metric_label: what is on the axis; lower is better.
        floor: what two real sets get.
        value_range: of stored images; None for points.
        failed: a line for each job that failed.
    """
    dots = rgb(comparison_dots(entries, metric_label, floor, failed))
    parts = [dots, *_sample_rows(entries, value_range)]
    width, height = max(part.width for part in parts), sum(part.height for part in parts)
    canvas = Image.new("RGB", (width, height), "white")
    top = 0
    for part in parts:
        canvas.paste(part, (0, top))
        top += part.height
    return canvas


@styled
def comparison_dots(
    entries: Sequence[Entry],
    metric_label: str,
    floor: float | None,
    failed: Sequence[str] = (),
) -> Figure:
    """A line for each setting: every seed faint, mean and spread strong."""
    lines = len(entries)
    figure, (axes,) = new_axes(WIDTH / 110, 1.1 + 0.5 * lines + 0.2 * len(failed))
    figure.set_dpi(110)
    for place, entry in enumerate(entries):
        color = SERIES[place % len(SERIES)]
        marker = MARKERS[place % len(MARKERS)]
        if len(entry.values) > 1:
            heights = np.full(len(entry.values), place + 0.22)
            axes.scatter(entry.values, heights, s=14, color=color, alpha=0.5, marker=marker)
        axes.errorbar(
            entry.mean, place, xerr=entry.spread, color=color, fmt=marker,
            markersize=8, capsize=4, elinewidth=2,
        )  # fmt: skip
        axes.annotate(
            entry.verdict, (entry.mean, place), xytext=(0, 9),
            textcoords="offset points", fontsize=8.5, color=MUTED, ha="center",
        )  # fmt: skip
    if floor is not None:
        axes.axvline(floor, color=VERMILLION, linestyle="--", linewidth=1.4)
        axes.annotate(
            "two real sets", (floor, 0), xycoords=("data", "axes fraction"),
            xytext=(5, 5), textcoords="offset points", fontsize=8.5, color=VERMILLION,
        )  # fmt: skip
    axes.set_yticks(range(lines), [entry.label for entry in entries], color=INK)
    axes.set_ylim(lines - 0.5, -0.65)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("\n".join([f"{metric_label}, lower is better", *map(_failure, failed)]))
    return figure


def _failure(line: str) -> str:
    return f"failed: {line[:110]}"


def _sample_rows(
    entries: Sequence[Entry], value_range: Sequence[int] | None
) -> list[Image.Image]:
    """The samples of the settings side by side, a few settings in a row."""
    known = [(entry.label, entry.samples) for entry in entries if entry.samples is not None]
    rows = []
    in_row = min(len(known), MOST_IN_ROW)
    for start in range(0, len(known), MOST_IN_ROW):
        part = known[start : start + MOST_IN_ROW]
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
    side = max(samples.shape[2:])
    tile = side * max(1, round(40 / side))
    gap = max(1, round(tile / 12))
    columns = max(2, (width + gap) // (tile + gap))
    first = np.asarray(samples[: columns * columns])
    grid = image_grid(first, value_range, columns, tile // side, gap)
    if grid.width > width:
        height = round(grid.height * width / grid.width)
        return grid.resize((width, height), Image.Resampling.LANCZOS)
    return grid
