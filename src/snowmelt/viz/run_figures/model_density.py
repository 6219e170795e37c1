"""From points back to densities: what samples suggest, and what the model itself believes.

A cloud becomes a density by a bump on each of its points, which blurs it. A model needs no
bumps: the probability-flow equation gives its own density at any place, whether a sample
ever came there or not. Beside them stands the true density, where it is known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.densities import KernelDensity, Silverman
from snowmelt.evaluation.likelihood.divergences import Exact
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.plane import extent_of, raster
from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.evaluation.plane.score_fields import lattice
from snowmelt.viz.plots.density_plot import density_panels
from snowmelt.viz.run_figures.point_setting import Setting
from snowmelt.viz.style import save_png

CELLS = 60  # along the longer side
STEPS = 16  # of the flow
BUMPS = 1500
_AT_ONCE = 2048
_NARROWER, _NARROWEST = 0.35, 1e-3  # the rule is for one heap, and blurs several
_HIGHEST = 0.998  # the share of the cells whose density is drawn as it is


def point_densities(
    setting: Setting, samples: NDArray[np.floating], folder: Path, cells: int | None = None
) -> None:
    """Write `densities.png`: the true density, that of the samples, the model's own.

    The first is left out where nobody knows it, the last where the flow has no end.

    Args:
        samples: as they are stored, (N, 2).
        cells: along the longer side of each picture; None: `CELLS`.

    Raises:
        ValueError: the data does not lie in the plane.
    """
    cells = CELLS if cells is None else cells
    if setting.size != 2:
        raise ValueError(f"a picture needs two coordinates, got {setting.size}")
    real = samples if setting.real is None else setting.seen(setting.real, 0.0)
    extent = extent_of(real)
    parts: dict[str, NDArray[np.floating]] = {}
    if setting.density is not None:
        true = setting.view.density(setting.density, torch.zeros((), dtype=torch.float64))
        parts["true density"] = raster([true], extent, cells).values[0]
    bumps = _suggested(torch.from_numpy(np.array(samples[:BUMPS], np.float64)))
    parts["suggested by samples"] = raster([bumps], extent, cells).values[0]
    own = own_density(setting, extent, cells)
    if own is not None:
        parts["the model's own"] = own
    values = np.stack(list(parts.values()))
    save_png(density_panels(Raster(values, extent), list(parts)), folder / "densities.png")


def _suggested(points: Tensor) -> KernelDensity:
    """A round bump on each point: unlike ones would draw stripes along the wider axis."""
    widths = (_NARROWER * Silverman()(points)).clamp(min=_NARROWEST)
    return KernelDensity(points, widths.log().mean().exp())


def own_density(setting: Setting, extent: Extent, cells: int) -> NDArray[np.float64] | None:
    """The model's density by its flow, in the data's units; None where that has no end.

    Shapes:
        -> (H, W), the row of index 0 at the bottom
    """
    flow = ProbabilityFlow(STEPS, Exact())
    try:
        flow.check(setting.denoiser)
    except ValueError as error:
        print(f"the model's own density: left out, since {error}")
        return None
    places = lattice(extent, cells)
    like = next(setting.denoiser.parameters(), torch.zeros(()))
    clean = torch.zeros((), dtype=torch.float64)
    x = setting.view.states(places, clean).to(like.device, like.dtype)
    index = torch.arange(len(x), device=x.device)
    parts = [_log_prob(flow, setting, x[rows], rows) for rows in index.split(_AT_ONCE)]
    log_prob = torch.cat(parts) - setting.size * np.log(setting.view.length(clean))
    # Where the network has never been its answer may be anything; no number is drawn as 0.
    density = log_prob.exp().nan_to_num(0.0, 0.0, 0.0).numpy()
    # A single peak, or what overflowed, would leave all else without a tone.
    density = density.clip(max=np.quantile(density, _HIGHEST))
    columns = len(torch.unique(places[:, 0]))
    return density.reshape(columns, -1).T


def _log_prob(flow: ProbabilityFlow, setting: Setting, x: Tensor, rows: Tensor) -> Tensor:
    found, _ = flow.log_prob(setting.denoiser, x, rows, seed=setting.seed)
    return found.cpu()
