r"""The entropy of the data, the least negative log-likelihood that a model can have.

The mean negative log-likelihood of a model $p$ on data of density $q$ is

$$-\mathrm{E}\log p(x) = H(q) + \mathrm{KL}(q\,\|\,p), \qquad H(q) = -\mathrm{E}\log q(x),$$

so it can be no less than the entropy, and what it is more is the divergence. On the same
examples both means scatter together: that of $\log q(x) - \log p(x)$ has a far smaller
error than either, and it vanishes with the divergence.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.densities.exact import Perturbable
from snowmelt.evaluation.estimate import Estimate


def negative_log_likelihood(density: Perturbable, x_0: Tensor, scale: float) -> Tensor:
    r"""$-\log q$ of each example, in nats and for the data's own unit of length.

    Args:
        density: of the data as the model sees it.
        scale: what one unit of the model's coordinates is in the data's.

    Shapes:
        x_0: (B, *D) -> (B,) float64, infinite off the density's support
    """
    log_prob = density.log_prob(x_0.to(torch.float64).cpu())
    return x_0[0].numel() * math.log(scale) - log_prob


def entropy(density: Perturbable, scale: float, *, draws: int, seed: int) -> Estimate:
    """The entropy in nats, estimated from draws of the density, and its standard error.

    Args:
        density, scale: as in `negative_log_likelihood`.
        draws: at least 2.
    """
    x_0 = density.sample(draws, seed=seed, dtype=torch.float64)
    return Estimate.of_mean(negative_log_likelihood(density, x_0, scale))
