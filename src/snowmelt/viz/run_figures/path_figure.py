"""The figure of paths by three samplers; see `snowmelt.sampling.compared_paths`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.viz.plots.paths_by_sampler import Way, ways_in_time
from snowmelt.viz.run_figures.raster_array import raster_of

TITLES = {
    "chain": "DDPM chain",
    "sde": "reverse SDE (Euler-Maruyama)",
    "ode": "probability-flow ODE (Heun)",
}
FLOW_TITLES = {"sde": "bridge (Euler-Maruyama)", "ode": "flow (Heun)"}
NO_SLOPE = "It cannot start: without any signal\nat t = 1 its slope is infinite there."
WILD = "It went astray:\nstates that are no numbers."


def path_figure(learned: Mapping[str, NDArray], truth: Mapping[str, NDArray]) -> Figure:
    """Coordinate 1 over time, a column a sampler, a row a score.

    Args:
        learned: the paths by the learned score.
        truth: those by the true one, and the density behind both, as far as it is known;
            see `snowmelt.evaluation.plane.truth_arrays`.
    """
    scores = {"learned score": learned, "true score": truth}
    titles = TITLES
    if "chain_states" not in learned:
        # A flow that is no diffusion has no chain; with its own score it is a bridge.
        scores, flow = {"learned flow": learned}, FLOW_TITLES
        titles = {key: name for key, name in flow.items() if f"{key}_states" in learned}
    rows = {
        name: {title: way(arrays, key) for key, title in titles.items()}
        for name, arrays in scores.items()
        if any(f"{key}_states" in arrays for key in titles)
    }
    limits = None
    if "limits" in truth:
        limits = (float(truth["limits"][0]), float(truth["limits"][1]))
    size = next(learned[f"{key}_states"] for key in titles).shape[2]
    return ways_in_time(rows, raster=raster_of(truth), size=size, limits=limits)


def way(arrays: Mapping[str, NDArray], name: str) -> Way:
    """Coordinate 1 by one sampler; or why there is none."""
    states = arrays.get(f"{name}_states")
    if states is None:
        return NO_SLOPE
    if not np.isfinite(states).all():
        return WILD
    return arrays[f"{name}_times"], states[:, :, 0]
