"""The panels of a figure one below the other, for a page as narrow as a phone.

A figure that is shrunk to a third has letters of 4 pixels. The same panels in one column
keep their letters, and only their width is less.
"""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snowmelt.viz.style import styled

WIDTH = 4.1  # inches; drawn 340 pixels wide, ten points are 11 pixels
LEAST_HEIGHT, MOST_HEIGHT = 0.9, 2.6  # of a panel, without its labels
LINE = 0.2  # of a panel that names a row of values each
AROUND = 0.75  # for title and labels
LETTERS, LETTERS_BESIDE = 46, 26  # of a title by itself, and with one to its right


@styled
def stacked_panels(figure: Figure) -> Figure:
    """The figure with its panels in one column, in the order in which they were made.

    Args:
        figure: drawn before, so that its panels have a size; it is changed.
    """
    panels = [axes for axes in figure.axes if axes.get_subplotspec() is not None]
    if not panels:
        return figure
    whole = figure.get_figheight()
    heights = [_height(axes, axes.get_position().height * whole) for axes in panels]
    figure.set_size_inches(WIDTH, sum(heights) + AROUND * len(panels))
    grid = figure.add_gridspec(len(panels), 1, height_ratios=heights)
    for row, axes in enumerate(panels):
        axes.set_subplotspec(grid[row, 0])
        _wrap(axes)
    return figure


def _height(axes: Axes, before: float) -> float:
    named = LINE * len(axes.get_yticklabels()) if axes.yaxis_inverted() else 0.0
    return max(LEAST_HEIGHT, min(before, max(MOST_HEIGHT, named)))


def _wrap(axes: Axes) -> None:
    """Break titles and labels that a narrow panel has no room for."""
    beside = bool(axes.get_title(loc="right"))
    letters = LETTERS_BESIDE if beside else LETTERS
    if len(title := axes.get_title(loc="left")) > letters:
        axes.set_title(textwrap.fill(title, letters), loc="left", fontsize=9)
    axes.set_xlabel(textwrap.fill(axes.get_xlabel(), LETTERS))
