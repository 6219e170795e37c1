"""The arrays that a model of points is shown by, beside the truth where it is known.

- trajectory.npz, forward.npz: `values` (K, H, W) on `extent`, the density at each time;
- paths.npz: what `compared_paths` gives, by the true score; `values` (1, H, W) on `extent`,
  the density of coordinate 1 over time; `limits` (2,) of that coordinate;
- fields.npz: what `compared_fields` gives;
- densities.npz: what `compared_densities` gives.

The first three stand behind, or beside, what the stage sample wrote under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from snowmelt.common.array_files import read_arrays, write_arrays
from snowmelt.common.errors import left_out_if_it_fails
from snowmelt.diffusion.predictions import V
from snowmelt.evaluation.plane.compared_densities import compared_densities
from snowmelt.evaluation.plane.compared_fields import compared_fields
from snowmelt.evaluation.plane.marginals import marginal_in_time
from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.evaluation.plane.point_model import PointModel
from snowmelt.sampling.compared_paths import compared_paths

ARRAYS_OF = "arrays.json"  # says which samples the arrays were made of
FILMS = ("trajectory", "forward")
Arrays = Mapping[str, NDArray]


@torch.no_grad()
def save(
    model: PointModel, samples: NDArray[np.floating], drawn: Path, draft: Path
) -> None:
    """Write the arrays that there is something to show by.

    None of them costs the others, or the metrics; see `left_out_if_it_fails`.

    Args:
        samples: as they are stored, (N, D).
        drawn: the folder of the stage sample, with the ways of the clouds.
        draft: where the arrays go.
    """
    wanted: dict[str, Callable[[], Arrays]] = {"paths": partial(path_arrays, model)}
    for film in FILMS:
        if model.density is not None and model.size > 1:
            wanted[film] = partial(behind, model, drawn / f"{film}.npz")
    if model.size == 2:
        wanted["fields"] = partial(compared_fields, model)
        wanted["densities"] = partial(compared_densities, model, samples)
    for name, arrays in wanted.items():
        with left_out_if_it_fails(name):
            found = arrays()
            if found:
                write_arrays(draft / f"{name}.npz", found)


def behind(model: PointModel, film: Path) -> Arrays:
    """The density at each time of a film, if the film is there."""
    times = read_arrays(film).get("times")
    raster = None if times is None else model.rasters(times.tolist())
    return {} if raster is None else _plain(raster)


def path_arrays(model: PointModel) -> Arrays:
    """What lies behind the paths by the learned score, and those by the true one."""
    low, high = model.extent()[:2]
    found: dict[str, NDArray] = {"limits": np.array([low, high])}
    truth = model.density if model.density is not None else model.real
    if truth is not None:
        found |= _plain(marginal_in_time(truth, model.view, low, high))
    if model.density is not None:
        # V is well posed at every time of every process, whatever the network predicts.
        exact = model.density.denoiser(model.process, V())
        found |= compared_paths(exact, model.manifest, seed=model.seed)
    return found


def _plain(raster: Raster) -> dict[str, NDArray]:
    """Tones are all that is seen of a density, so single precision serves."""
    return {"values": raster.values.astype(np.float32), "extent": np.array(raster.extent)}
