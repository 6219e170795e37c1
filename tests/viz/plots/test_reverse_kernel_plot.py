"""Exact and normal steps back, side by side."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.plane.plane_arrays import KernelPair, PathCurve
from snowmelt.viz.plots.reverse_kernel_plot import reverse_kernel_figure
from snowmelt.viz.style import BLUE, png_bytes

X = np.linspace(-3, 3, 50)


def pair(title: str, divergence: float = 0.2) -> KernelPair:
    exact = np.exp(-((X - 1) ** 2)) + np.exp(-((X + 1) ** 2))
    return KernelPair(title, X, exact, 2 * np.exp(-((X / 2) ** 2)), -0.5, divergence)


def curve(name: str, order: float) -> PathCurve:
    steps = np.array([1.0, 4.0, 16.0])
    return PathCurve(name, steps, 3.0 * steps**order, order)


CURVES = [curve("first", -2.0), curve("second", -1.04)]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_panel_for_each_step_and_a_line_for_each_kind(count: int) -> None:
    pairs = [pair(f"panel {number}", 10.0**-number) for number in range(count)]
    figure = reverse_kernel_figure(pairs, CURVES, note="from the middle")
    left, right = figure.subfigs
    shown = [axes for axes in left.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in shown] == [p.title for p in pairs]
    for axes, given in zip(shown, pairs, strict=True):
        outline, normal, start = axes.lines
        assert np.array_equal(outline.get_ydata(), given.exact)
        assert np.array_equal(normal.get_ydata(), given.normal)
        assert normal.get_color() == BLUE
        assert list(start.get_xdata()) == [-0.5, -0.5]
        (filled,) = axes.collections
        assert filled.get_paths()[0].vertices[:, 1].max() == given.exact.max()
        assert axes.get_ylim()[1] > max(given.exact.max(), given.normal.max())
    (axes,) = right.axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    for line, given in zip(axes.lines[:2], CURVES, strict=True):
        assert np.array_equal(line.get_xdata(), given.steps)
        assert np.array_equal(line.get_ydata(), given.divergences)
    said = [text.get_text() for text in axes.texts]
    assert [text.partition("\n")[0] for text in said[:2]] == ["first", "second"]
    assert "-2.00" in said[0]
    assert "-1.04" in said[1]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "4", "16"]
    assert png_bytes(figure) == png_bytes(
        reverse_kernel_figure(pairs, CURVES, "from the middle")
    )


@pytest.mark.parametrize(
    ("divergence", "said"),
    [(12.3456, "12.35"), (0.1, "0.10"), (0.00123, "0.0012"), (1e-9, "less than 0.0001")],
)
def test_divergences_are_said_in_plain_numbers(divergence: float, said: str) -> None:
    figure = reverse_kernel_figure([pair("one", divergence)], CURVES)
    texts = [text.get_text() for text in figure.subfigs[0].axes[0].texts]
    assert texts == [f"apart by {said} nats"]


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="one pair of kernels and one curve"):
        reverse_kernel_figure([], CURVES)
    with pytest.raises(ValueError, match="one pair of kernels and one curve"):
        reverse_kernel_figure([pair("one")], [])


def test_guides_have_the_slopes_of_theory_and_move_no_axis() -> None:
    figure = reverse_kernel_figure([pair("panel")], CURVES)
    (axes,) = figure.subfigs[1].axes
    flat, steep = axes.lines[2:]
    for line, power, given in ((flat, -1, CURVES[1]), (steep, -2, CURVES[0])):
        x, y = (np.log(np.asarray(part)) for part in line.get_data())
        assert np.diff(y) / np.diff(x) == pytest.approx(power)
        assert line.get_ydata()[-1] == pytest.approx(given.divergences[-1])
    assert [text.get_text() for text in axes.texts[2:]] == ["$T^{-1}$", "$T^{-2}$"]
    values = np.concatenate([given.divergences for given in CURVES])
    low, high = axes.get_ylim()
    assert values.min() / 3 < low < values.min()
    assert values.max() < high < 3 * values.max()
