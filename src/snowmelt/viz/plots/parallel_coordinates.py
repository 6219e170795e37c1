"""Parallel coordinates: axes for what was swept and measured, a line for each job."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from snowmelt.evaluation.number_format import number
from snowmelt.viz.style import INK, MUTED, PAPER, RULE, SERIES, new_axes, series, styled

_TICKS = 5  # on an axis of numbers
_LETTERS = 18  # of a value beside its axis, and of a line of the label below it


@dataclass(frozen=True)
class Coordinate:
    """One axis.

    Attributes:
        label: below it.
        values: one for each job, numbers or words; None where a job has none.
    """

    label: str
    values: Sequence[float | str | None]

    @property
    def is_numeric(self) -> bool:
        return not any(isinstance(value, str) for value in self.values)

    @property
    def tells_apart(self) -> bool:
        """Whether there are two different values or more."""
        return len({value for value in self.values if value is not None}) > 1

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Heights from 0 to 1, and what is written there."""
        if not self.is_numeric:
            short = [_shortened(name) for name in self._names]
            return list(zip(_even(len(short)), short, strict=True))
        low, high = min(self._numbers), max(self._numbers)
        some = sorted(set(self._numbers))
        if len(some) > _TICKS:
            some = [low + share * (high - low) for share in _even(_TICKS)]
        return [((value - low) / (high - low), number(value)) for value in some]

    @property
    def heights(self) -> list[float]:
        """From 0 to 1; NaN where a job has no value."""
        if self.is_numeric:
            low, high = min(self._numbers), max(self._numbers)
            return [
                math.nan if value is None else (float(value) - low) / (high - low)
                for value in self.values
            ]
        places = dict(zip(self._names, _even(len(self._names)), strict=True))
        return [math.nan if value is None else places[str(value)] for value in self.values]

    @property
    def _numbers(self) -> list[float]:
        return [float(value) for value in self.values if value is not None]

    @property
    def _names(self) -> list[str]:
        return sorted({str(value) for value in self.values if value is not None})


def _even(count: int) -> list[float]:
    return [place / max(count - 1, 1) for place in range(count)]


def _shortened(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"


@styled
def parallel_coordinates(
    coordinates: Sequence[Coordinate], places: Sequence[int]
) -> Figure:
    """Axes from left to right, and a line for each job.

    Args:
        coordinates: at least two, each of which tells jobs apart.
        places: of each job, which sets its colour; jobs beyond the colours are grey.
    """
    figure, (axes,) = new_axes(max(7.2, 1.7 * len(coordinates)), 4.0)
    across = np.arange(len(coordinates))
    for job, heights in enumerate(zip(*(one.heights for one in coordinates), strict=True)):
        axes.plot(across, heights, **_look(places[job]))
    for place, one in enumerate(coordinates):
        _axis(axes, place, one)
    axes.set_xlim(-0.35, len(coordinates) - 0.4)
    axes.set_ylim(-0.06, 1.06)
    labels = [textwrap.fill(one.label, _LETTERS) for one in coordinates]
    axes.set_xticks(across, labels, color=INK)
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
    return figure


def _axis(axes: Axes, place: int, coordinate: Coordinate) -> None:
    """A vertical line with its values on the left."""
    axes.axvline(place, 0.05, 0.95, color=RULE, linewidth=1.2, zorder=0)
    for height, text in coordinate.ticks:
        axes.annotate(
            text, (place, height), xytext=(-5, 0), textcoords="offset points",
            ha="right", va="center", fontsize=8, color=MUTED, zorder=4,
            path_effects=[withStroke(linewidth=3, foreground=PAPER)],  # over the lines
        )  # fmt: skip


def _look(place: int) -> dict[str, Any]:
    if place < len(SERIES):
        return {**series(place), "linewidth": 1.4, "alpha": 0.9}
    return {"color": MUTED, "linewidth": 0.8, "alpha": 0.5, "zorder": 1}
