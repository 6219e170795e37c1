"""The figures of a flow that carries one cloud to another: its paths, and its steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.evaluation.plane.two_densities import suggested, two_densities
from snowmelt.viz.plots.flow_steps import StepCurve, flow_steps_figure
from snowmelt.viz.plots.sample_paths import paths_in_plane

Arrays = Mapping[str, NDArray]


def plane_path_figure(way: Arrays, real: NDArray[np.floating]) -> Figure:
    """The paths of the first samples, over what points suggest of both densities.

    Args:
        way: `frames` (K, N, 2) of the trajectory, from the starts to the samples.
        real: points of the data (M, 2).
    """
    frames = way["frames"]
    behind = two_densities(suggested(frames[0]), suggested(real))
    return paths_in_plane(frames, raster=behind)


def step_figure(found: Arrays) -> Figure:
    """What Euler's rule loses by the number of its steps; see `step_errors`."""
    steps, errors = found["steps"].tolist(), found["errors"].tolist()
    return flow_steps_figure(
        [StepCurve("this flow", steps, errors)],
        y="error of the ends, in the data's units",
        floor=float(found["way"]),
        floor_name="the length of the way",
    )
