"""The paths by three samplers, as a picture shows them."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.viz.run_figures import path_figure as module
from snowmelt.viz.run_figures.path_figure import path_figure, way


def paths(value: float = 1.0) -> dict[str, np.ndarray]:
    times = np.linspace(1.0, 0.0, 4)
    states = np.full((4, 3, 2), value) * np.array([1.0, 9.0])
    return {
        f"{name}_{part}": array
        for name in module.TITLES
        for part, array in (("times", times), ("states", states))
    }


def test_a_way_is_that_of_coordinate_1() -> None:
    times, states = way(paths(2.0), "ode")
    assert times.shape == (4,)
    assert states.shape == (4, 3)
    assert (states == 2.0).all()


def test_a_sampler_that_could_not_start_says_so() -> None:
    assert way({}, "ode") == module.NO_SLOPE


def test_states_that_are_no_numbers_are_not_drawn() -> None:
    assert way(paths(np.nan), "chain") == module.WILD


@pytest.mark.parametrize("is_known", [True, False])
def test_there_is_a_row_for_each_score_that_there_is(is_known: bool) -> None:
    behind = {
        "values": np.ones((1, 8, 8), np.float32),
        "extent": np.array([0.0, 1.0, -3.0, 3.0]),
        "limits": np.array([-3.0, 3.0]),
    }
    figure = path_figure(paths(), behind | (paths() if is_known else {}))
    names = [axes.get_ylabel().split("\n")[0] for axes in figure.axes if axes.get_ylabel()]
    assert names == ["learned score", "true score"][: 1 + is_known]
    assert len(figure.axes) == 3 * len(names)
    assert figure.axes[0].get_ylim() == (-3.0, 3.0)
    assert "of 2" in figure.axes[0].get_ylabel()


def test_a_flow_without_a_score_has_one_way() -> None:
    flow = {key: value for key, value in paths().items() if key.startswith("ode")}
    figure = path_figure(flow, {})
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "flow (Heun)"
    assert axes.get_ylabel().startswith("learned flow")
    bridge = {key: value for key, value in paths().items() if not key.startswith("chain")}
    shown = [axes.get_title(loc="left") for axes in path_figure(bridge, {}).axes]
    assert shown == ["bridge (Euler-Maruyama)", "flow (Heun)"]
