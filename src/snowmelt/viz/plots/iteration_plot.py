"""The iterations of a fitting: distance and costs over them, and who is carried where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from snowmelt.evaluation.iteration_table import IterationResult
from snowmelt.viz.plots.image_grid import (
    MARGIN,
    PAGE_PIXELS,
    columns_within,
    image_grid,
    no_wider,
    side_by_side,
)
from snowmelt.viz.plots.plane_panels import bare, extent_of, grid_of_panels, within
from snowmelt.viz.plots.point_scatter import evenly, plane
from snowmelt.viz.style import (
    BLUE,
    MUTED,
    ORANGE,
    PURPLE,
    VERMILLION,
    new_axes,
    rgb,
    stacked,
    styled,
)

MOST_SHOWN = 8  # iterations whose ways are drawn
MOST_WAYS = 70
_DPI = 110


@dataclass(frozen=True, eq=False)
class Ways:
    """Where an iteration begins and ends.

    Attributes:
        title: of the iteration.
        to_data: its direction.
        begun, ended: rows that belong together, images or points as they are stored.
        value_range: of images; None for points.

    Shapes:
        begun, ended: (N, *D)
    """

    title: str
    to_data: bool
    begun: NDArray[Any]
    ended: NDArray[Any]
    value_range: Sequence[int] | None = None


def iteration_picture(
    results: Sequence[IterationResult], ways: Sequence[Ways]
) -> Image.Image:
    """The curves above the ways of the first, the last and iterations between."""
    shown = [ways[place] for place in evenly(len(ways), MOST_SHOWN)]
    if shown and shown[0].value_range is not None:
        below = [rgb(_images(one)) for one in shown]
    else:
        below = [rgb(iteration_ways(shown))] if shown else []
    return stacked([rgb(iteration_curves(results)), *below])


@styled
def iteration_curves(results: Sequence[IterationResult]) -> Figure:
    """The distance at the end, and what the ways cost, over the iterations."""
    figure, (near, costs) = new_axes(PAGE_PIXELS / _DPI, 3.4, 2)
    figure.set_dpi(_DPI)
    looks = {True: (BLUE, "o", "to the data"), False: (VERMILLION, "s", "to the starts")}
    for to_data, (color, marker, label) in looks.items():
        measured = [one for one in results if one.to_data == to_data and one.reading]
        _draw_distance(near, measured, color, marker, label)
    first = next((one.reading for one in results if one.reading), None)
    near.set(xlabel="iteration", ylabel="" if first is None else first.label)
    near.set_ylim(bottom=0.0)
    numbers = [one.number for one in results]
    for values, color, marker, label in (
        ([one.path_energy for one in results], PURPLE, "^", "path energy of the flow"),
        ([one.transport_cost for one in results], ORANGE, "D", "transport cost of samples"),
    ):
        costs.plot(numbers, values, color=color, marker=marker, markersize=5, label=label)
    costs.set(xlabel="iteration", ylabel="squared length")
    costs.set_ylim(bottom=0.0)
    for axes in (near, costs):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="best")
    return figure


def _draw_distance(
    axes: Axes, results: Sequence[IterationResult], color: str, marker: str, label: str
) -> None:
    """Distances with their standard errors, above what real data gets."""
    if not results:
        return
    readings = [one.reading for one in results if one.reading]
    numbers = [one.number for one in results]
    axes.errorbar(
        numbers,
        [reading.value for reading in readings],
        yerr=[reading.spread or 0.0 for reading in readings],
        color=color, marker=marker, markersize=5, capsize=3, label=label,
    )  # fmt: skip
    floors = [reading.floor for reading in readings if reading.floor is not None]
    if len(floors) == len(numbers):
        axes.plot(numbers, floors, color=color, linestyle=":", linewidth=1.2)


@styled
def iteration_ways(ways: Sequence[Ways]) -> Figure:
    """A line from each start to its end, a panel an iteration, all in one frame."""
    clouds = [cloud for one in ways for cloud in (one.begun, one.ended)]
    extent = extent_of(clouds, clouds)
    columns = min(4, len(ways))
    width = PAGE_PIXELS / _DPI / max(3, columns)
    figure, panels = grid_of_panels(len(ways), extent, columns=columns, width=width)
    figure.set_dpi(_DPI)
    for axes, one in zip(panels, ways, strict=True):
        bare(axes, extent)
        axes.set_title(one.title, fontsize=9)
        begun, ended = (within(cloud, extent) for cloud in (one.begun, one.ended))
        rows = evenly(len(begun), MOST_WAYS)
        lines = np.stack([plane(begun)[rows], plane(ended)[rows]], axis=1)
        lines = lines[np.isfinite(lines).all(axis=(1, 2))]
        faint = LineCollection(list(lines), colors=MUTED, linewidths=0.7, alpha=0.6)
        axes.add_collection(faint, autolim=False)
        for cloud, color in ((begun, VERMILLION), (ended, BLUE)):
            seen = cloud[evenly(len(cloud), 1000)]
            axes.scatter(seen[:, 0], seen[:, 1], s=2.0, c=color, linewidths=0, alpha=0.5)
    return figure


def _images(ways: Ways) -> Figure:
    """A row of starts above a row of their ends."""
    assert ways.value_range is not None
    inside = PAGE_PIXELS - 2 * MARGIN
    columns = max(1, min(len(ways.begun), columns_within(inside, ways.begun)))
    both = np.concatenate([ways.begun[:columns], ways.ended[:columns]])
    picture = no_wider(image_grid(both, ways.value_range, columns), inside)
    return side_by_side([picture], [f"{ways.title}: starts above their ends"])
