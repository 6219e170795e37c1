"""The figure of quality against cost shows what the table says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from tests.evaluation.comparison.sampled_jobs import jobs

from snowmelt.evaluation.comparison import SamplingCost, sampling_costs
from snowmelt.viz.plots.sampling_cost_plot import sampling_cost_figure
from snowmelt.viz.style import PAPER, png_bytes


@pytest.fixture
def cost() -> SamplingCost:
    (found,) = sampling_costs(jobs(), 0.05)
    return found


def curves(axes: Axes) -> dict[str, list[list[float]]]:
    return {
        str(one.get_label()): np.asarray(one.lines[0].get_xydata()).tolist()
        for one in axes.containers
    }


def bands(axes: Axes) -> dict[str, tuple[float, float]]:
    found = {}
    for patch in axes.patches:
        low, high = patch.get_extents().transformed(axes.transData.inverted()).intervaly
        found[str(patch.get_label())] = (float(low), float(high))
    return found


def test_a_line_for_each_sampler_over_evaluations_and_over_time(cost: SamplingCost) -> None:
    evaluations, times = sampling_cost_figure(cost).axes
    assert curves(evaluations) == {
        "ddpm": [[1000, 1.0]],
        "ddim": [[10, 1.4], [50, 1.01]],
        "unipc": [[10, 1.03], [20, 0.995]],
    }
    assert curves(times)["ddim"] == [[5.0, 1.4], [25.0, 1.01]]
    for axes in (evaluations, times):
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert evaluations.get_ylim() == times.get_ylim()


def test_error_bars_are_intervals(cost: SamplingCost) -> None:
    axes, _ = sampling_cost_figure(cost).axes
    (bars,) = axes.containers[2].lines[2]
    assert np.allclose(bars.get_segments()[0][:, 1], [1.03 - 0.0392, 1.03 + 0.0392])


def test_error_bars_of_a_few_sets_are_wider(cost: SamplingCost) -> None:
    distance = replace(cost.others[2].distance, freedom=7)
    others = [replace(one, distance=distance) for one in cost.others]
    assert cost.floor is not None
    found = replace(cost, others=others, floor=replace(cost.floor, freedom=7))
    axes, _ = sampling_cost_figure(found).axes
    (bars,) = axes.containers[2].lines[2]
    reach = 0.02 * 2.36462
    assert np.allclose(bars.get_segments()[0][:, 1], [1.03 - reach, 1.03 + reach])
    assert bands(axes)["a perfect model"] == pytest.approx((0.7 - reach, 0.7 + reach))


def test_markers_say_what_was_answered(cost: SamplingCost) -> None:
    axes, _ = sampling_cost_figure(cost).axes
    marks = {
        tuple(np.asarray(line.get_xydata())[0].tolist()): line
        for line in axes.lines
        if line.get_linestyle() == "None" and len(line.get_xdata()) == 1
    }
    assert marks[10.0, 1.4].get_marker() == "x"
    assert marks[10.0, 1.03].get_markerfacecolor() == PAPER
    assert marks[20.0, 0.995].get_markerfacecolor() != PAPER
    assert marks[20.0, 0.995].get_marker() != "x"


def test_the_bands_of_the_floor_and_of_the_reference(cost: SamplingCost) -> None:
    axes, _ = sampling_cost_figure(cost).axes
    found = bands(axes)
    assert found["ddpm, 1000 steps, ±5%"] == pytest.approx((0.95, 1.05))
    assert found["a perfect model"] == pytest.approx((0.7 - 0.0392, 0.7 + 0.0392), abs=1e-5)
    wide = sampling_cost_figure(replace(cost, margin=0.2)).axes[0]
    assert bands(wide)["ddpm, 1000 steps, ±20%"] == pytest.approx((0.8, 1.2))


def test_without_times_and_a_floor_there_is_less(cost: SamplingCost) -> None:
    (found,) = sampling_costs([replace(one, sampling_seconds=None) for one in jobs()], 0.05)
    figure = sampling_cost_figure(replace(found, floor=None))
    (axes,) = figure.axes
    assert list(bands(axes)) == ["ddpm, 1000 steps, ±5%"]


def test_a_sampler_that_decides_as_it_goes_is_not_on_the_axis(cost: SamplingCost) -> None:
    others = [replace(one, evaluations=None) for one in cost.others]
    figure = sampling_cost_figure(replace(cost, others=others))
    assert list(curves(figure.axes[0])) == ["ddpm"]


def test_the_same_bytes_each_time(cost: SamplingCost) -> None:
    first, again = (png_bytes(sampling_cost_figure(cost)) for _ in range(2))
    assert first == again
