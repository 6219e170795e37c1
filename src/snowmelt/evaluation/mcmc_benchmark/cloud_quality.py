r"""The quality of a cloud of points: distances from true draws, and the weight of a mode.

Two clouds of true draws differ too, so a distance has a meaning only beside that floor. The
weight of the leftmost component of a mixture is the mean of its responsibility,

$$\hat w = \frac1N\sum_n \frac{w\,N(x_n;\ m, C)}{q(x_n)},$$

whose mean over draws of $q$ is $w$ itself; of N draws it scatters by at most
$\sqrt{w(1 - w)/N}$.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from snowmelt.densities import Density, GaussianMixture
from snowmelt.evaluation.metrics.pairwise import energy_distance
from snowmelt.evaluation.metrics.wasserstein import wasserstein_2

# A mixture of more components counts as one without modes: a kernel density has thousands.
_MOST_PARTS = 9
# Unadjusted steps may diverge where a density has steep edges. A cloud that is so many
# times too large is on its way to infinity, where no distance can be computed.
_DIVERGED = 1e3


@dataclass(frozen=True)
class Quality:
    """Numbers of one cloud; the weight is None where the density has no modes.

    A cloud that diverged has infinite distances and no weight.
    """

    wasserstein_2: float
    energy_distance: float
    weight: float | None


def quality(density: Density, cloud: Tensor, true: Tensor) -> Quality:
    """The quality of a cloud against true draws of the density.

    Shapes:
        cloud, true: (N, D)
    """
    if not float(cloud.abs().max()) <= _DIVERGED * max(1.0, float(true.abs().max())):
        return Quality(math.inf, math.inf, None)
    one, two = cloud.double().numpy(), true.double().numpy()
    return Quality(
        wasserstein_2(one, two), energy_distance(one, two), weight(density, cloud)
    )


def floor(density: Density, points: int, pairs: int, *, seed: int) -> list[Quality]:
    """The quality of true clouds against others, all independent."""
    true = density.sample(2 * pairs * points, seed=seed, dtype=torch.float64)
    clouds = true.reshape(2 * pairs, points, -1)
    return [quality(density, one, two) for one, two in clouds.reshape(pairs, 2, points, -1)]


def true_weight(density: Density) -> float | None:
    """The weight of the leftmost component, if the density is a mixture of a few."""
    if not isinstance(density, GaussianMixture):
        return None
    if not 2 <= len(density.weights) <= _MOST_PARTS:
        return None
    return float(density.weights[density.means[:, 0].argmin()])


def weight(density: Density, cloud: Tensor) -> float | None:
    """The estimated weight of the leftmost component. Shapes: cloud: (N, D)"""
    prior = true_weight(density)
    if prior is None or not isinstance(density, GaussianMixture):
        return None
    part = density.means[:, 0].argmin()
    variances = density.variances[part]
    own = torch.diag(variances)
    if density.axes is not None:
        own = density.axes[part] @ own @ density.axes[part].mT
    left = GaussianMixture([1.0], density.means[part][None], own[None])
    log_responsibility = np.log(prior) + left.log_prob(cloud) - density.log_prob(cloud)
    return float(log_responsibility.exp().mean())
