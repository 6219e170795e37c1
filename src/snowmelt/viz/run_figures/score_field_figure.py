r"""The learned score beside the true one, at several noise levels.

A network learns the score where states are; elsewhere it may answer anything, and hardly a
sampler asks. So arrows stand only where the density is at least $e^{-7}$ of its peak, a
thousandth: of a normal density, within 3.7 standard deviations. Where the true density is
not known, bumps on real points say where that is.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from snowmelt.densities import Perturbable
from snowmelt.evaluation.plane import difference, extent_of, field, marginal, raster
from snowmelt.evaluation.plane.plane_arrays import Extent, VectorField
from snowmelt.viz.plots.vector_fields import fields
from snowmelt.viz.run_figures.point_setting import Setting
from snowmelt.viz.style import save_png

# From noise three times the signal to noise of a seventh of it.
LEVELS = (-2.0, 0.0, 2.0, 4.0)
ARROWS = 18
DEEPEST = 7.0
BUMPS = 1000


def score_fields(setting: Setting, folder: Path) -> None:
    """Write `fields.png`: a row a noise level; true score, learned score, difference.

    Where the truth is not known, the learned score alone.

    Raises:
        ValueError: the data does not lie in the plane.
    """
    if setting.size != 2:
        raise ValueError(f"a field needs two coordinates, got {setting.size}")
    figure = (
        _alone(setting) if setting.density is None else _compared(setting, setting.density)
    )
    save_png(figure, folder / "fields.png")


def _compared(setting: Setting, density: Perturbable) -> Figure:
    rows, rasters, titles = [], [], []
    for t in noise_levels(setting):
        seen = setting.view.density(density, t)
        extent = extent_of(seen)
        true = _where(seen, field(seen.score, extent, ARROWS))
        learned = _where(seen, _learned(setting, t, extent))
        rows.append([true, learned, difference(learned, true)])
        rasters.append(raster([seen], extent))
        titles.append(_named(setting, t))
    return fields(rows, titles, ["true score", "learned score", "learned - true"], rasters)


def _alone(setting: Setting) -> Figure:
    """The learned score times sigma, which is as long at one noise level as at another."""
    bumps, extent, row, titles = None, setting.extent_with(), [], []
    if setting.real is not None:
        bumps = marginal(setting.real[:BUMPS], (0, 1))
    for t in noise_levels(setting):
        found = _learned(setting, t, extent)
        scaled = float(setting.process.sigma(t)) * setting.view.length(t)
        found = VectorField(found.points, scaled * found.vectors)
        if bumps is not None:
            found = _where(setting.view.density(bumps, t), found)
        row.append(found)
        titles.append(_named(setting, t))
    return fields([row], ["learned\nscore\nx sigma"], titles)


def _learned(setting: Setting, t: Tensor, extent: Extent) -> VectorField:
    return field(setting.view.score(setting.denoiser, t), extent, ARROWS)


def _where(density: Perturbable, arrows: VectorField) -> VectorField:
    """The arrows where points of a density are; NaN where they hardly ever come."""
    log_prob = density.log_prob(torch.from_numpy(arrows.points)).numpy()
    is_there = log_prob > log_prob.max() - DEEPEST
    return VectorField(arrows.points, np.where(is_there[:, None], arrows.vectors, math.nan))


def _named(setting: Setting, t: Tensor) -> str:
    return f"t = {float(t):.2f}\nlog SNR {float(setting.process.log_snr(t)):+.1f}"


@torch.no_grad()
def noise_levels(setting: Setting) -> list[Tensor]:
    """Times at which the log-SNR has the values of `LEVELS`, noise first.

    A process that does not reach one is asked where it comes nearest.
    """
    process = setting.process
    ends = process.log_snr(torch.tensor([1.0, 0.0], dtype=torch.float64))
    low, high = (float(end) for end in ends)
    wanted = sorted({min(max(level, low), high) for level in LEVELS})
    return [process.time(torch.tensor(v, dtype=torch.float64)) for v in wanted]
