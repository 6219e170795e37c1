r"""Arrays of densities, scores and trajectories in the plane, for pictures.

The mathematics answers point by point and in tensors; a picture wants values on a lattice.
Between the two stands this package. It draws nothing: all arithmetic is in float64 with
torch, and what comes out is numpy, in the two shapes that `snowmelt.viz.plots` draws,
`Raster` and `VectorField`.

- `lattice`: densities on the points of a lattice, all at once;
- `raster`: densities in the plane, as pictures; and where to look;
- `marginals`: the density of one coordinate, and how it moves in time;
- `score_fields`: scores, as arrows;
- `reverse_kernel_curves`: one step back, exact and normal;
- `two_densities`: where paths begin and where they end, in one picture;
- `carried_cells`: a table of cells carried into another with the least work;
- `view`: states and densities in the units that a person looks at.
"""

from snowmelt.evaluation.plane.carried_cells import carried_cells, parcels
from snowmelt.evaluation.plane.lattice import centres, on_lattice
from snowmelt.evaluation.plane.marginals import marginal, marginal_in_time
from snowmelt.evaluation.plane.raster import extent_of, raster
from snowmelt.evaluation.plane.reverse_kernel_curves import kernel_pairs, path_curves
from snowmelt.evaluation.plane.score_fields import (
    difference,
    field,
    score_of_denoiser,
    score_of_density,
)
from snowmelt.evaluation.plane.two_densities import suggested, two_densities
from snowmelt.evaluation.plane.view import View

__all__ = [
    "View",
    "carried_cells",
    "centres",
    "difference",
    "extent_of",
    "field",
    "kernel_pairs",
    "marginal",
    "marginal_in_time",
    "on_lattice",
    "parcels",
    "path_curves",
    "raster",
    "score_of_denoiser",
    "score_of_density",
    "suggested",
    "two_densities",
]
