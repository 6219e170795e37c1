r"""The divergence of a normal reverse step from the exact one, by quadrature in 1-D.

The exact kernel $q = q(x_s \mid x_t)$ has the moments $m$ and $v$. Any normal step
$N(m, w)$ of the same mean has a divergence of two parts that add up,

$$\mathrm{KL}\big(q \,\|\, N(m, w)\big)
  = \mathrm{KL}\big(q \,\|\, N(m, v)\big)
  + \tfrac12\Big(\frac vw - 1 - \log\frac vw\Big),$$

one for its shape and one for its width. In a step of length $h$ in log-SNR the skewness of
$q$ is $O(h^{3/2})$, and the divergence of a slightly skewed density from the normal one is
a twelfth of its square, so the shape contributes $O(h^3)$. A width that does not depend on
$x_t$ is wrong by $v/w - 1 = O(h)$ and contributes $O(h^2)$. The total variation, half of
$\int |q - N|$, is of the order of the root of the divergence, $O(h^{3/2})$ and $O(h)$.

The divergence of a whole path is the sum of those of its steps (and of its start), and
bounds that of its end. With $T$ steps, $h \propto 1/T$, the sums fall as $1/T^2$ and $1/T$.

References:
    Cover & Thomas (2006), "Elements of information theory", theorem 2.5.3 (the chain rule)
    and section 2.8 (data processing);
    Comon (1994), "Independent component analysis, a new concept?", theorem 14 (the
    divergence of a density near a normal one, by its cumulants).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least
from snowmelt.densities.mixture import GaussianMixture
from snowmelt.densities.reverse_kernel import ddpm_variance, reverse_components
from snowmelt.diffusion.processes import Process

# Nodes in a standard deviation, and how many of these on either side.
_STATES_DENSITY, _PLACES_DENSITY, _REACH = 8, 4, 9.0
_NUMBERS_AT_ONCE = 2**22


@dataclass(frozen=True)
class Gap:
    """The error of a normal reverse step, averaged over the states that it starts from.

    Args:
        divergence: of the normal step from the exact one, in nats.
        variation: the largest difference between the probabilities that the two give to
            the same set, 0 to 1.
    """

    divergence: float
    variation: float


def reverse_gap(
    density: GaussianMixture,
    process: Process,
    t: Tensor,
    s: Tensor,
    share: float | None = None,
) -> Gap:
    r"""The error of one normal reverse step, averaged over $x_t \sim q_t$.

    Args:
        density: of the data, in one dimension.
        share: of the way between the two variances of `ddpm_kernel`; None: the normal step
            is `closest_normal`.

    Shapes:
        t, s: () with 0 <= s < t

    Raises:
        ValueError: data in more dimensions, times out of order, or a `share` outside
            [0, 1].
    """
    if density.size != 1:
        raise ValueError(f"quadrature is for one dimension, got {density.size}")
    x_t, nodes = _states(density.at(process, t))
    weights, means, variances = reverse_components(density, process, x_t, t, s)
    means, stds = means[..., 0], variances[:, 0].sqrt()
    mean = (weights * means).sum(1, keepdim=True)
    spread = stds**2 + (means - mean) ** 2
    normal_std = (weights * spread).sum(1, keepdim=True).sqrt()
    if share is not None:
        width = ddpm_variance(process, t.to(torch.float64), s.to(torch.float64), share)
        normal_std = width.sqrt().expand_as(normal_std)
    gaps = [
        _gaps(some_weights, some_means, stds, middle, std)
        for some_weights, some_means, middle, std in _split(
            weights, means, mean, normal_std
        )
    ]
    divergence, variation = nodes @ torch.cat(gaps)
    return Gap(float(divergence), float(variation))


def path_divergence(
    density: GaussianMixture, process: Process, steps: int, share: float | None = None
) -> float:
    """The divergences of all steps of a path, summed; the times are equally spaced.

    Args:
        steps: from t = 1 to 0.
        density, share: see `reverse_gap`.

    Raises:
        ValueError: no steps, or what `reverse_gap` refuses.
    """
    check_at_least(1, steps=steps)
    times = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    pairs = itertools.pairwise(times)
    return math.fsum(
        reverse_gap(density, process, t, s, share).divergence for s, t in pairs
    )


def _states(noisy: GaussianMixture) -> tuple[Tensor, Tensor]:
    """Nodes of the quadrature and their probabilities. Shapes: -> (B, 1), (B,)"""
    stds = noisy.variances[:, 0].sqrt()
    reach = _REACH * stds.amax()
    low, high = noisy.means.amin() - reach, noisy.means.amax() + reach
    count = math.ceil(float((high - low) / stds.amin() * _STATES_DENSITY))
    x = torch.linspace(float(low), float(high), count, dtype=torch.float64)[:, None]
    # The rule of equal steps: for a smooth density that vanishes at both ends, no other
    # does better.
    return x, noisy.log_prob(x).softmax(0)


def _gaps(
    weights: Tensor, means: Tensor, stds: Tensor, mean: Tensor, std: Tensor
) -> Tensor:
    """Divergence and variation of N(mean, std^2) from mixtures, by quadrature.

    Shapes:
        weights, means: (B, K), stds: (K,), mean, std: (B, 1) -> (B, 2)
    """
    reach = _REACH * torch.maximum(std, stds.amax())
    low, high = torch.aminmax(torch.cat((means, mean), 1), dim=1, keepdim=True)
    low, high = low - reach, high + reach
    finest = torch.minimum(std, stds.amin())
    count = math.ceil(float(((high - low) / finest).amax() * _PLACES_DENSITY))
    ticks = torch.linspace(0, 1, count, dtype=torch.float64)
    x = low + (high - low) * ticks
    each = _log_normal(x[..., None], means[:, None], stds) + torch.log(weights)[:, None]
    exact, normal = each.logsumexp(2), _log_normal(x, mean, std)
    ratio = exact - normal
    # q u - q + p is never negative; its sum has no large terms that cancel.
    divergence = exact.exp() * ratio - normal.exp() * torch.expm1(ratio)
    # Where the normal density underflows, the last product is a zero times an infinity.
    divergence = torch.where(ratio > 30.0, exact.exp() * (ratio - 1.0), divergence)
    variation = 0.5 * (exact.exp() - normal.exp()).abs()
    return torch.stack((divergence, variation), 2).sum(1) * (x[:, 1:2] - x[:, :1])


def _log_normal(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return -0.5 * ((x - mean) / std) ** 2 - torch.log(std) - 0.5 * math.log(2 * math.pi)


def _split(weights: Tensor, *others: Tensor) -> list[tuple[Tensor, ...]]:
    """The tensors in runs of rows that fit into memory at once."""
    rows = max(1, _NUMBERS_AT_ONCE // (1000 * weights.shape[1]))
    return list(zip(*(part.split(rows) for part in (weights, *others)), strict=True))
