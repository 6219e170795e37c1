"""Densities of samples, of the model and of the data, side by side.

A cloud becomes a density by a bump on each of its points, which blurs it. A model needs no
bumps: the probability-flow equation gives its own density at any place, whether a sample
ever came there or not. Beside them stands the true density, where it is known.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.densities import KernelDensity, Silverman
from snowmelt.evaluation.likelihood.divergences import Exact
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.plane.plane_arrays import Extent
from snowmelt.evaluation.plane.point_model import PointModel
from snowmelt.evaluation.plane.raster import extent_of, raster
from snowmelt.evaluation.plane.score_fields import lattice

CELLS = 60  # along the longer side
STEPS = 16  # of the flow
BUMPS = 1500
_AT_ONCE = 2048
_NARROWER, _NARROWEST = 0.35, 1e-3  # the rule is for one heap, and blurs several
_HIGHEST = 0.998  # the share of the cells whose density is kept as it is


def compared_densities(
    model: PointModel, samples: NDArray[np.floating], cells: int | None = None
) -> dict[str, NDArray]:
    """The true density, the one that samples suggest and the model's own, on one lattice.

    The first is left out where nobody knows it, the last where the flow has no end.

    Args:
        samples: as they are stored, (N, 2).
        cells: along the longer side; None: `CELLS`.

    Returns:
        `true`, `samples` and `model`, each (H, W), and `extent` (4,) for all.

    Raises:
        ValueError: the data does not lie in the plane.
    """
    cells = CELLS if cells is None else cells
    if model.size != 2:
        raise ValueError(f"a picture needs two coordinates, got {model.size}")
    real = samples if model.real is None else model.seen(model.real, 0.0)
    extent = extent_of(real)
    found: dict[str, NDArray] = {"extent": np.array(extent)}
    if model.density is not None:
        true = model.view.density(model.density, torch.zeros((), dtype=torch.float64))
        found["true"] = raster([true], extent, cells).values[0]
    bumps = _suggested(torch.from_numpy(np.array(samples[:BUMPS], np.float64)))
    found["samples"] = raster([bumps], extent, cells).values[0]
    own = own_density(model, extent, cells)
    return found if own is None else found | {"model": own}


def _suggested(points: Tensor) -> KernelDensity:
    """A round bump on each point: unlike ones would draw stripes along the wider axis."""
    widths = (_NARROWER * Silverman()(points)).clamp(min=_NARROWEST)
    return KernelDensity(points, widths.log().mean().exp())


def own_density(
    model: PointModel, extent: Extent, cells: int
) -> NDArray[np.float64] | None:
    """The model's density by its flow, in the data's units; None where that has no end.

    Shapes:
        -> (H, W), the row of index 0 at the bottom
    """
    flow = ProbabilityFlow(STEPS, Exact())
    try:
        flow.check(model.denoiser)
    except ValueError as error:
        print(f"the model's own density: left out, since {error}")
        return None
    places = lattice(extent, cells)
    like = next(model.denoiser.parameters(), torch.zeros(()))
    clean = torch.zeros((), dtype=torch.float64)
    x = model.view.states(places, clean).to(like.device, like.dtype)
    index = torch.arange(len(x), device=x.device)
    parts = [_log_prob(flow, model, x[rows], rows) for rows in index.split(_AT_ONCE)]
    log_prob = torch.cat(parts) - model.size * np.log(model.view.length(clean))
    # Where the network has never been its answer may be anything; no number is drawn as 0.
    density = log_prob.exp().nan_to_num(0.0, 0.0, 0.0).numpy()
    # A single peak, or what overflowed, would leave all else without a tone.
    density = density.clip(max=np.quantile(density, _HIGHEST))
    columns = len(torch.unique(places[:, 0]))
    return density.reshape(columns, -1).T


def _log_prob(flow: ProbabilityFlow, model: PointModel, x: Tensor, rows: Tensor) -> Tensor:
    found, _ = flow.log_prob(model.denoiser, x, rows, seed=model.seed)
    return found.cpu()
