"""The canvas of an animation: panels above one clock, recorded as a GIF.

A frame is drawn on top of a still one, so only what moves is drawn again. Sixty
frames and a few thousand points takes about a second and a megabyte, and the same numbers
always give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Extent
from snowmelt.viz.animation.gif import numbered, write_gif
from snowmelt.viz.plots.plane_panels import bare, moment, tallness
from snowmelt.viz.style import INK, MUTED, RULE

DPI = 100
_ALONE, _BESIDE = 3.8, 3.0  # inches that a panel is wide
_MARGIN, _TITLE, _CLOCK = 0.14, 0.30, 0.34


class Canvas:
    """Panels side by side under their titles, above one clock.

    Args:
        titles: one for each panel; empty ones take no room where all are empty.
        extent: what part of the plane all panels show.
        times: (K,), of the frames.
        clock: how a time is written.
    """

    def __init__(
        self,
        titles: Sequence[str],
        extent: Extent,
        times: NDArray[np.float64],
        clock: Callable[[float], str] = moment,
    ) -> None:
        count = len(titles)
        self.side = side = _ALONE if count == 1 else _BESIDE
        tall = side * tallness(extent)
        head = _TITLE if any(titles) else 0.0
        width = count * (side + _MARGIN) + _MARGIN
        height = _CLOCK + tall + head + _MARGIN
        self.figure = Figure(figsize=(width, height), dpi=DPI)
        self.figure.set_layout_engine("none")  # places are given in inches
        self.panels: list[Axes] = []
        for number, title in enumerate(titles):
            left = _MARGIN + number * (side + _MARGIN)
            box = (left / width, _CLOCK / height, side / width, tall / height)
            axes = self.figure.add_axes(box)
            bare(axes, extent)
            axes.set_title(title, fontsize=11, loc="left")
            self.panels.append(axes)
        self.times, self.clock = times, clock
        self._add_clock(width, height)

    def _add_clock(self, width: float, height: float) -> None:
        """Below the panels: the time in words, and how far it has got on a thin line."""
        level = 0.5 * _CLOCK / height
        left, right = (_MARGIN + 0.86) / width, 1.0 - (_MARGIN + 0.05) / width
        self._ends = left, right
        self.figure.add_artist(
            Line2D([left, right], [level, level], color=RULE, linewidth=2.0)
        )
        self._run = Line2D([left, left], [level, level], color=MUTED, linewidth=2.0)
        self._hand = Line2D([left], [level], color=INK, marker="o", markersize=6.0)
        self._words = self.figure.text(
            _MARGIN / width, level, "", fontsize=11, va="center_baseline", color=INK
        )
        for artist in (self._run, self._hand):
            self.figure.add_artist(artist)

    def _tell(self, index: int) -> None:
        left, right = self._ends
        place = left + (right - left) * progress(self.times, index)
        self._run.set_xdata([left, place])
        self._hand.set_xdata([place])
        self._words.set_text(self.clock(float(self.times[index])))

    def record(
        self,
        path: Path,
        moving: Sequence[Artist],
        show: Callable[[int], None],
        colors: NDArray[np.uint8],
        seconds: float,
    ) -> None:
        """Write the animation.

        Args:
            moving: the artists that change, from the lowest to the topmost; all that does
                not change lies below them.
            show: puts them where they are in the frame of a number.
            colors: see `gif.palette`.
            seconds: how long the motion takes; the last frame is held after it.
        """
        frames_of_panels = [spine for axes in self.panels for spine in axes.spines.values()]
        actors = [*moving, *frames_of_panels, self._run, self._hand, self._words]
        for artist in actors:
            artist.set_animated(True)
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        still = canvas.copy_from_bbox(self.figure.bbox)
        frames = []
        for index in range(len(self.times)):
            show(index)
            self._tell(index)
            canvas.restore_region(still)
            for artist in actors:
                self.figure.draw_artist(artist)
            frames.append(numbered(np.asarray(canvas.buffer_rgba())[..., :3], colors))
        write_gif(path, frames, colors, seconds)


def progress(times: NDArray[np.float64], index: int) -> float:
    """How far the clock has got, from 0 to 1; by frames where times do not run one way."""
    passed = np.abs(times - times[0])
    runs = np.isfinite(passed).all() and passed[-1] > 0 and (np.diff(passed) >= 0).all()
    if runs:
        return float(passed[index] / passed[-1])
    return index / max(1, len(times) - 1)
