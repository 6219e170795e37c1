"""The figure of compared densities; see `evaluation.plane.compared_densities`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.plots.density_plot import density_panels
from snowmelt.viz.run_figures.raster_array import extent_in

TITLES = {
    "true": "true density",
    "samples": "suggested by samples",
    "model": "the model's own",
}


def density_figure(arrays: Mapping[str, NDArray]) -> Figure:
    """The true density, that of the samples and the model's own, those that there are."""
    shown = {title: arrays[name] for name, title in TITLES.items() if name in arrays}
    raster = Raster(np.stack(list(shown.values())), extent_in(arrays["extent"]))
    return density_panels(raster, list(shown))
