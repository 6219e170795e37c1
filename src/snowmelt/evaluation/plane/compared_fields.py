r"""The learned score beside the true one, at several noise levels.

A network learns the score where states are; elsewhere it may answer anything, and hardly a
sampler asks. So arrows stand only where the density is at least $e^{-7}$ of its peak, a
thousandth: of a normal density, within 3.7 standard deviations. Where the true density is
not known, bumps on real points say where that is.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.densities import Perturbable
from snowmelt.evaluation.plane.marginals import marginal
from snowmelt.evaluation.plane.plane_arrays import Extent, VectorField
from snowmelt.evaluation.plane.point_model import PointModel
from snowmelt.evaluation.plane.raster import extent_of, raster
from snowmelt.evaluation.plane.score_fields import field

# From noise three times the signal to noise of a seventh of it.
LEVELS = (-2.0, 0.0, 2.0, 4.0)
ARROWS = 18
DEEPEST = 7.0
BUMPS = 1000


def compared_fields(model: PointModel) -> dict[str, NDArray]:
    """The learned score at L noise levels and, where it is known, the true one.

    Without the truth the learned score comes times sigma, which is as long at one noise
    level as at another, and all levels show one part of the plane.

    Returns:
        `times`, `log_snr` (L,), `points`, `learned` (L, G, 2), where the truth is known
        also `true` (L, G, 2), and the density behind them, `behind` (L, H, W) on `extents`
        (L, 4). Vectors where no points come are NaN.

    Raises:
        ValueError: the data does not lie in the plane.
    """
    if model.size != 2:
        raise ValueError(f"a field needs two coordinates, got {model.size}")
    times = noise_levels(model)
    levels = [float(model.process.log_snr(t)) for t in times]
    found = _alone(model, times) if model.density is None else _beside_truth(model, times)
    return {"times": np.array([float(t) for t in times]), "log_snr": np.array(levels)} | {
        name: np.stack(parts) for name, parts in found.items()
    }


def _beside_truth(model: PointModel, times: list[Tensor]) -> dict[str, list[NDArray]]:
    found: dict[str, list[NDArray]] = {}
    assert model.density is not None
    for t in times:
        seen = model.view.density(model.density, t)
        extent = extent_of(seen)
        true = _where(seen, field(seen.score, extent, ARROWS))
        learned = _where(seen, _learned(model, t, extent))
        parts = {
            "points": true.points,
            "learned": learned.vectors,
            "true": true.vectors,
            "behind": raster([seen], extent).values[0],
            "extents": np.array(extent),
        }
        for name, part in parts.items():
            found.setdefault(name, []).append(part)
    return found


def _alone(model: PointModel, times: list[Tensor]) -> dict[str, list[NDArray]]:
    bumps, extent = None, model.extent()
    if model.real is not None:
        bumps = marginal(model.real[:BUMPS], (0, 1))
    found: dict[str, list[NDArray]] = {"points": [], "learned": []}
    for t in times:
        arrows = _learned(model, t, extent)
        scale = float(model.process.sigma(t)) * model.view.length(t)
        arrows = VectorField(arrows.points, scale * arrows.vectors)
        if bumps is not None:
            arrows = _where(model.view.density(bumps, t), arrows)
        found["points"].append(arrows.points)
        found["learned"].append(arrows.vectors)
    return found


def _learned(model: PointModel, t: Tensor, extent: Extent) -> VectorField:
    return field(model.view.score(model.denoiser, t), extent, ARROWS)


def _where(density: Perturbable, arrows: VectorField) -> VectorField:
    """The arrows where points of a density are; NaN where they hardly ever come."""
    log_prob = density.log_prob(torch.from_numpy(arrows.points)).numpy()
    is_there = log_prob > log_prob.max() - DEEPEST
    return VectorField(arrows.points, np.where(is_there[:, None], arrows.vectors, math.nan))


@torch.no_grad()
def noise_levels(model: PointModel) -> list[Tensor]:
    """Times at which the log-SNR has the values of `LEVELS`, noise first.

    A process that does not reach one is asked where it comes nearest.
    """
    process = model.process
    ends = process.log_snr(torch.tensor([1.0, 0.0], dtype=torch.float64))
    low, high = (float(end) for end in ends)
    wanted = sorted({min(max(level, low), high) for level in LEVELS})
    return [process.time(torch.tensor(v, dtype=torch.float64)) for v in wanted]
