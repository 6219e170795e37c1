"""On a phone the panels of a figure stand below each other, with letters of full size."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from snowmelt.evaluation.catalogue.readings import Reading
from snowmelt.viz.plots.metric_bars import metrics_with_floor
from snowmelt.viz.plots.training_curves import schedule_plot, training_curves
from snowmelt.viz.report import embedded_pictures
from snowmelt.viz.report.narrow_panels import LEAST_HEIGHT, WIDTH, stacked_panels
from snowmelt.viz.style import svg_text

LONG = "recognised by the independent classifier with over 90 % confidence"


def curves() -> Figure:
    step = np.arange(0.0, 50, 10)
    names = ("loss", "learning_rate", "gradient_norm")
    return training_curves({"step": step} | dict.fromkeys(names, 1 / (1 + step)))


def schedules() -> Figure:
    t = np.linspace(0, 1, 8)
    return schedule_plot({"cosine": (t, 5 - 10 * t)})


def bars() -> Figure:
    return metrics_with_floor([Reading(LONG, LONG, 3.0, 0.5, 1.0) for _ in range(2)])


@pytest.mark.parametrize("make", [curves, schedules, bars])
def test_panels_are_below_each_other(make):
    figure = make()
    svg_text(figure)
    count = len(figure.axes)
    assert count > 1
    svg_text(stacked_panels(figure))
    assert figure.get_figwidth() == WIDTH
    boxes = [axes.get_position() for axes in figure.axes]
    assert len(boxes) == count
    for above, below in itertools.pairwise(boxes):
        assert below.y1 < above.y0
        assert below.x0 == pytest.approx(above.x0, abs=0.2)
    for axes, box in zip(figure.axes, boxes, strict=True):
        assert box.height * figure.get_figheight() >= LEAST_HEIGHT / 2, "not squeezed"
        assert box.width > 0.6
        extent = axes.get_tightbbox()
        assert extent.x1 <= figure.bbox.x1 + 1, "nothing is cut"


def test_long_titles_are_broken():
    figure = bars()
    svg_text(figure)
    stacked_panels(figure)
    title = figure.axes[0].get_title(loc="left")
    assert title.replace("\n", " ") == LONG
    assert max(map(len, title.splitlines())) <= 26


def test_a_plot_is_on_the_page_twice_and_its_ids_never_meet():
    text = str(embedded_pictures.inline_plot(schedules(), "one", '"<b>'))
    assert text.count("<svg ") == 2
    wide, narrow = text.split('<div class="plot-narrow">')
    found = [set(re.findall(r'\bid="([^"]+)"', part)) for part in (wide, narrow)]
    assert found[0]
    assert not found[0] & found[1]
    widths = [float(re.search(r'viewBox="0 0 (\S+)', part)[1]) for part in (wide, narrow)]  # type: ignore[index]
    assert widths[1] == pytest.approx(72 * WIDTH)
    assert widths[0] > 2 * widths[1]
    assert "<b>" not in text
