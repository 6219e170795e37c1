"""The learned score beside the true one; see `evaluation.plane.compared_fields`."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.evaluation.plane.plane_arrays import Raster, VectorField
from snowmelt.evaluation.plane.score_fields import difference
from snowmelt.viz.plots.vector_fields import fields
from snowmelt.viz.run_figures.raster_array import extent_in


def score_field_figure(arrays: Mapping[str, NDArray]) -> Figure:
    """A row a noise level: true score, learned score, difference.

    Where the truth is not known, one row of the learned score, a column a noise level.
    """
    titles = [
        f"t = {time:.2f}\nlog SNR {level:+.1f}"
        for time, level in zip(arrays["times"], arrays["log_snr"], strict=True)
    ]
    learned = _levels(arrays, "learned")
    if "true" not in arrays:
        return fields([learned], ["learned\nscore\nx sigma"], titles)
    true = _levels(arrays, "true")
    rows = [
        [exact, found, difference(found, exact)]
        for exact, found in zip(true, learned, strict=True)
    ]
    behind = [
        Raster(values[None], extent_in(extent))
        for values, extent in zip(arrays["behind"], arrays["extents"], strict=True)
    ]
    return fields(rows, titles, ["true score", "learned score", "learned - true"], behind)


def _levels(arrays: Mapping[str, NDArray], name: str) -> list[VectorField]:
    pairs = zip(arrays["points"], arrays[name], strict=True)
    return [VectorField(points, vectors) for points, vectors in pairs]
