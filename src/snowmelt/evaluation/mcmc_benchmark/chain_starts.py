"""Where chains start: at draws of N(0, 1), as diffusion does, or all at one point.

Chains that start at one point agree with each other from the first step on, so no
convergence diagnostic can reveal a mode that all of them miss.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.common.randomness import Stream, normal
from snowmelt.densities import Density, GaussianMixture

Start = Callable[[Density, int, int], Tensor]


def size_of(density: Density) -> int:
    """D, the number of elements of an event."""
    return density.sample(1, seed=0).shape[1]


def standard_normal(density: Density, points: int, seed: int) -> Tensor:
    """Draws of N(0, 1), those that a sampler of the same seed starts from.

    Shapes:
        -> (points, D)

    Raises:
        UserError: the density is zero at some of them.
    """
    shape, index = (size_of(density),), torch.arange(points)
    x = normal(shape, seed=seed, stream=Stream.SAMPLING_START, index=index).double()
    if not (density.log_prob(x).isfinite().all() and density.score(x).isfinite().all()):
        raise UserError(
            "density: chains start from N(0, 1) and need a density that is positive there;"
            " this one is not: take a mixture or a kernel density"
        )
    return x


def single_point(density: Density, points: int, seed: int) -> Tensor:
    """The mean of a mixture's leftmost part, or one draw; the same for all.

    Shapes:
        -> (points, D)
    """
    if isinstance(density, GaussianMixture):
        place = density.means[density.means[:, 0].argmin()]
    else:
        place = density.sample(1, seed=seed, dtype=torch.float64)[0]
    return place.expand(points, -1).clone()


STARTS: dict[str, Start] = {"N(0, 1)": standard_normal, "one place": single_point}
