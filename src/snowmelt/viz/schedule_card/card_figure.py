"""The schedule card: curves, a strip of one example, numbers and words on one page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from snowmelt.diffusion.schedule_diagnostics import ScheduleDiagnostics
from snowmelt.viz.schedule_card.card_panels import PANELS
from snowmelt.viz.style import BLUE, GREEN, INK, MUTED, RULE, VERMILLION, series, styled

# All in inches, from the left and from the top.
WIDTH, MARGIN, GAP = 10.0, 0.55, 0.55
PANEL, PITCH = 1.75, 2.5
HEAD, LEGEND, TILE, LINE = 0.85, 0.3, 0.84, 0.2
STRIP_LEFT = 1.75
SPREAD = 3.2  # of points, in standard deviations of the data
COLOURS = {"error": VERMILLION, "warning": INK}
NOTHING = "nothing speaks against this combination"


class _Page:
    """A figure that is filled from the top, in inches."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH, height))
        self.figure.set_layout_engine("none")

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = self.height - top - height
        box = (left / WIDTH, bottom / self.height, width / WIDTH, height / self.height)
        return self.figure.add_axes(box)

    def write(self, left: float, top: float, text: str, **look: Any) -> None:
        at = left / WIDTH, 1 - top / self.height
        style: dict[str, Any] = {"va": "top", "fontsize": 9} | look
        self.figure.text(*at, text, **style)


@styled
def card_figure(
    curves: Sequence[ScheduleDiagnostics],
    strips: Sequence[NDArray[np.float32]],
    times: Sequence[float],
    rows: Mapping[str, Sequence[str]],
    words: Mapping[str, Sequence[str]],
    described: str,
) -> Figure:
    """The card of some schedules, which share every panel.

    Args:
        curves: at most six can be distinguished.
        strips: an example on its way to noise by each of them: an image in [-1, 1]
            (K, 1, C, H, W), or points (K, N, D).
        times: (K) of the frames of a strip.
        rows: the names of the numbers, and a text for each schedule.
        words: for each configuration, sentences that begin with `error` or `warning`.
        described: the parts that are not seen in the curves.
    """
    lines = _wrapped(words)
    legend = LEGEND if len(curves) > 1 else 0.0
    heights = [HEAD + legend, 0.0, 0.0, 0.0, 0.35 + LINE * len(lines) + 0.15]
    if curves:
        heights[1] = 2 * PITCH + 0.25
        heights[2] = 0.35 + (TILE + 0.06) * len(strips) + 0.2
        heights[3] = LINE * 1.15 * (len(rows) + 1) + 0.2
    page = _Page(sum(heights))
    tops = np.cumsum([0.0, *heights]).tolist()
    page.write(MARGIN / 2, 0.18, "schedule card", fontsize=14, weight="bold")
    page.write(MARGIN / 2, 0.48, described, color=MUTED)
    if curves:
        if legend:
            _legend(page, curves, HEAD - 0.1)
        _panels(page, curves, tops[1])
        labels = [one.label for one in curves]
        _strips(page, dict(zip(labels, strips, strict=True)), times, tops[2])
        _table(page, labels, rows, tops[3])
    _words(page, lines, tops[4])
    return page.figure


def _legend(page: _Page, curves: Sequence[ScheduleDiagnostics], top: float) -> None:
    handles = [Line2D([], [], **series(i)) for i in range(len(curves))]
    page.figure.legend(
        handles,
        [f"{one.label} (untrained)" if one.is_untrained else one.label for one in curves],
        loc="upper left",
        bbox_to_anchor=(MARGIN / 2 / WIDTH - 0.003, 1 - top / page.height),
        ncols=len(curves),
        handlelength=2.6,
        columnspacing=1.6,
        borderpad=0.0,
    )


def _panels(page: _Page, curves: Sequence[ScheduleDiagnostics], top: float) -> None:
    """Six panels: what is left, where time goes, and what each step does."""
    width = (WIDTH - MARGIN - 0.2 - 2 * GAP) / 3
    places = [
        (MARGIN + column * (width + GAP), top + row * PITCH + 0.3)
        for row in range(2)
        for column in range(3)
    ]
    for (left, upper), draw in zip(places, PANELS, strict=True):
        axes = page.axes(left, upper, width, PANEL)
        draw(axes, curves)
        axes.title.set_fontsize(10)


def _strips(
    page: _Page, strips: Mapping[str, NDArray], times: Sequence[float], top: float
) -> None:
    """A row for each schedule, a column for each time."""
    step = (WIDTH - STRIP_LEFT - 0.2) / len(times)
    for column, time in enumerate(times):
        text = f"t = {time:g}" if column == 0 else f"{time:.3g}"
        left = STRIP_LEFT + (column + 0.5) * step
        page.write(left, top, text, ha="center", color=MUTED, fontsize=8)
    for row, (name, frames) in enumerate(strips.items()):
        upper = top + 0.22 + row * (TILE + 0.06)
        colour = series(row)["color"] if len(strips) > 1 else INK
        label = textwrap.fill(name, 17)
        middle = {"va": "center", "weight": "bold", "color": colour}
        page.write(MARGIN / 2, upper + TILE / 2, label, **middle)
        # One axes for the whole row: an axes for each tile takes a second a card.
        axes = page.axes(STRIP_LEFT, upper, step * len(times), TILE)
        axes.set(xlim=(0, step * len(times)), ylim=(0, TILE))
        axes.set_axis_off()
        for column, frame in enumerate(frames):
            _tile(axes, frame, column * step + (step - TILE) / 2)


def _tile(axes: Axes, frame: NDArray[np.float32], left: float) -> None:
    """One image, black at -1 and white at 1, or a cloud of points, in a square."""
    square = (left, left + TILE, 0.0, TILE)
    if frame.ndim == 2:
        second = frame[:, 1] if frame.shape[1] > 1 else np.zeros(len(frame))
        x, y = frame[:, 0], second
        seen = (np.abs(x) < SPREAD) & (np.abs(y) < SPREAD)
        half = 0.5 * TILE
        x, y = half * (1 + x[seen] / SPREAD), half * (1 + y[seen] / SPREAD)
        axes.scatter(left + x, y, s=1.5, color=BLUE, alpha=0.6, linewidths=0)
        axes.add_patch(Rectangle((left, 0), TILE, TILE, fill=False, edgecolor=RULE))
        return
    levels = np.clip(0.5 * (frame[0] + 1.0), 0.0, 1.0)
    picture = np.moveaxis(levels[:3], 0, -1) if len(levels) >= 3 else levels[0]
    look: dict[str, Any] = {"vmin": 0, "vmax": 1, "interpolation": "nearest"}
    axes.imshow(picture, cmap="gray", extent=square, aspect="auto", **look)


def _table(
    page: _Page, labels: Sequence[str], rows: Mapping[str, Sequence[str]], top: float
) -> None:
    """Numbers, a column for each schedule."""
    first = 3.15
    step = min((WIDTH - first - 0.2) / max(len(labels), 1), 1.7)
    pitch = LINE * 1.15
    for column, label in enumerate(labels):
        colour = series(column)["color"] if len(labels) > 1 else INK
        at = first + (column + 1) * step
        size = min(8.5, 95 * step / max(len(label), 1))  # as wide as its column
        look = {"ha": "right", "weight": "bold", "color": colour, "fontsize": size}
        page.write(at, top, label, **look)
    for number, (name, texts) in enumerate(rows.items(), start=1):
        page.write(MARGIN / 2, top + number * pitch, name, fontsize=8.5)
        for column, text in enumerate(texts):
            at = first + (column + 1) * step
            page.write(at, top + number * pitch, text, ha="right", fontsize=8.5)


def _wrapped(words: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """The words line by line, each with its colour."""
    lines = []
    for label, sentences in words.items():
        for sentence in sentences or [NOTHING]:
            colour = COLOURS.get(sentence.split(":")[0], GREEN)
            wrapped = textwrap.wrap(f"{label}: {sentence}", 128, subsequent_indent="    ")
            lines += [(text, colour) for text in wrapped]
    return lines


def _words(page: _Page, lines: Iterable[tuple[str, str]], top: float) -> None:
    page.write(MARGIN / 2, top, "in words", weight="bold", fontsize=10)
    for number, (text, colour) in enumerate(lines):
        page.write(MARGIN / 2, top + 0.27 + number * LINE, text, color=colour, fontsize=8.5)
