r"""Fitting the potential of a Schroedinger bridge to samples of both ends: LightSB.

The objective of `snowmelt.densities.lightsb` is smooth in the parameters of the mixture,
none of which has a bound: logarithms of weights and variances, or triangular factors of the
covariances with logarithms on their diagonals. Nothing is drawn, so it is minimised over
all samples at once by L-BFGS, and the same samples give the same bridge.

A likelihood of mixtures has no maximum: a component may shrink onto one sample. So every
variance of the potential has a small floor, in units of the data's own. With many
components for few samples a fit follows the samples rather than their law, as any
likelihood does.

References:
    Korotin, Gushchin & Burnaev (2024), arXiv:2310.01174, section 3.2 (theirs descends by
    minibatches).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least, check_positive
from snowmelt.common.randomness import Stream, uniform
from snowmelt.densities.lightsb import LightSB

Watcher = Callable[[int, float], None]
_BALANCED = 200  # rounds that give every component its share before the descent
_BALANCED_ON = 2000  # starts
_REMEMBERED = 30  # steps of L-BFGS
_MEAN_STEP = 6  # of the stream of densities; see `snowmelt.densities.lightsb`


def fit_lightsb(
    x_0: Tensor,
    x_1: Tensor,
    entropy: float,
    *,
    components: int = 20,
    covariances: Literal["diagonal", "full"] = "diagonal",
    steps: int = 1000,
    seed: int = 0,
    shares_0: Tensor | None = None,
    shares_1: Tensor | None = None,
    least_std: float = 1e-2,
    watch: Watcher | None = None,
) -> LightSB:
    r"""The bridge of noise $\sqrt\varepsilon$ from the starts' law to the data's.

    Args:
        x_0, x_1: samples of the data and of the start; no pairs.
        entropy: $\varepsilon$.
        components: K of the potential.
        covariances: of its components.
        steps: of L-BFGS, at most; it ends where nothing gets better.
        seed: of the samples that components begin at, which are far from each other.
        shares_0, shares_1: of the samples; None for even ones.
        least_std: the floor of the components' standard deviations, in the data's.
        watch: called as `watch(call, value)` with every value of the objective, for a bar.

    Shapes:
        x_0: (N, D), x_1: (M, D), shares_0: (N,), shares_1: (M,), of any sum

    Raises:
        ValueError: samples that do not lie in one space, are not finite, or fewer than two
            or the components; shares of another number; or other arguments out of range.
    """
    check_positive(entropy=entropy, least_std=least_std)
    check_at_least(1, components=components, steps=steps)
    data, start = _samples(x_0, x_1, components)
    if covariances not in ("diagonal", "full"):
        raise ValueError(f"covariances must be diagonal or full, got {covariances!r}")
    shares = [_normalised(shares_0, len(data)), _normalised(shares_1, len(start))]
    means = _apart(data, shares[0], components, seed)
    potential = _Potential(data, start, means, entropy, covariances, least_std)
    descent = torch.optim.LBFGS(
        potential.parameters,
        max_iter=steps,
        max_eval=2 * steps,
        tolerance_grad=1e-9,
        tolerance_change=1e-13,
        history_size=_REMEMBERED,
        line_search_fn="strong_wolfe",
    )
    calls = 0

    def value() -> Tensor:
        nonlocal calls
        descent.zero_grad()
        # In units of the cost, in which the parameters are.
        found = entropy * objective(*potential(), entropy, data, start, *shares)
        found.backward()
        calls += 1
        if watch is not None:
            watch(calls, float(found.detach()) / entropy)
        return found

    descent.step(value)
    return potential.bridge()


class _Potential:
    """The parameters of a potential, and where they begin."""

    def __init__(
        self,
        data: Tensor,
        start: Tensor,
        means: Tensor,
        entropy: float,
        covariances: str,
        least_std: float,
    ) -> None:
        (components, size), self.entropy = means.shape, entropy
        variance = float(data.var(0, correction=0).mean()) or 1.0
        self.least = least_std * math.sqrt(variance)
        spacing = variance * components ** (-2.0 / size)
        std = math.sqrt(min(0.1 * entropy, spacing))
        # Logarithms of weights in units of the cost, where potentials are of one size.
        weights = entropy * _balanced(means, start[:_BALANCED_ON], entropy)
        logs = torch.full((components, size), math.log(std), dtype=torch.float64)
        self.parameters = [weights, means, logs]
        if covariances == "full":
            zeros = torch.zeros(components, size, size, dtype=torch.float64)
            self.parameters.append(zeros)
        for one in self.parameters:
            one.requires_grad_()

    def __call__(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logarithms of weights, means and factors; see `objective`."""
        weights, means, logs, *below = self.parameters
        stds = logs.exp()
        if not below:
            return weights / self.entropy, means, (stds**2 + self.least**2).sqrt()
        lower = torch.tril(below[0], diagonal=-1) + torch.diag_embed(stds)
        floor = self.least**2 * torch.eye(means.shape[1], dtype=torch.float64)
        factors = torch.linalg.cholesky(lower @ lower.mT + floor)
        return weights / self.entropy, means, factors

    @torch.no_grad()
    def bridge(self) -> LightSB:
        log_weights, means, factors = self()
        is_full = factors.ndim == 3
        spread = factors @ factors.mT if is_full else factors**2
        return LightSB(log_weights.detach(), means.detach().clone(), spread, self.entropy)


def _apart(data: Tensor, shares: Tensor | None, count: int, seed: int) -> Tensor:
    """Samples far from each other: each by the square of its distance to those before.

    References:
        Arthur & Vassilvitskii (2007), "k-means++: the advantages of careful seeding".
    """
    place = torch.zeros(1, dtype=torch.int64)
    drawn = uniform(
        (count,), seed=seed, stream=Stream.DENSITY, index=place, step=_MEAN_STEP
    )[0]
    weights = torch.ones_like(data[:, 0]) if shares is None else shares
    nearest = torch.ones_like(weights)
    chosen: list[int] = []
    for number in drawn:
        by = (weights * nearest).cumsum(0)
        if not by[-1] > 0:  # no sample is left that differs
            by = weights.cumsum(0)
        row = int(torch.searchsorted(by, number * by[-1]).clamp(max=len(data) - 1))
        away = (data - data[row]).square().sum(1)
        nearest = away if not chosen else torch.minimum(nearest, away)
        chosen.append(row)
    return data[chosen].clone()


def _balanced(means: Tensor, start: Tensor, entropy: float) -> Tensor:
    """Logarithms of weights with which every component has an even share of the starts.

    They are those of Sinkhorn's iteration between the starts and the means, whatever the
    variance, if all have the same.
    """
    pulls = start @ means.T / entropy
    found = -0.5 * means.square().sum(1) / entropy
    for _ in range(_BALANCED):
        shares = (found + pulls).log_softmax(1).logsumexp(0) - math.log(len(start))
        found = found - shares - math.log(len(means))
    return found


def _samples(x_0: Tensor, x_1: Tensor, components: int) -> tuple[Tensor, Tensor]:
    data, start = (one.detach().to("cpu", torch.float64) for one in (x_0, x_1))
    if data.ndim != 2 or start.ndim != 2 or data.shape[1] != start.shape[1]:
        raise ValueError(
            f"samples must be (N, D) and (M, D), got {tuple(data.shape)} and"
            f" {tuple(start.shape)}"
        )
    if min(len(data), len(start)) < max(2, components):
        raise ValueError(
            f"{components} components need as many samples of each end, got {len(data)} and"
            f" {len(start)}"
        )
    if not (data.isfinite().all() and start.isfinite().all()):
        raise ValueError("samples must be finite")
    return data, start


def _normalised(shares: Tensor | None, count: int) -> Tensor | None:
    if shares is None:
        return None
    found = shares.detach().to("cpu", torch.float64)
    if found.shape != (count,) or not (found >= 0).all() or not found.sum() > 0:
        raise ValueError(
            f"the shares of {count} samples must be as many numbers that are not negative,"
            f" with a sum above 0, got the shape {tuple(found.shape)}"
        )
    return found / found.sum()


def objective(
    log_weights: Tensor,
    means: Tensor,
    factors: Tensor,
    entropy: float,
    x_0: Tensor,
    x_1: Tensor,
    shares_0: Tensor | None = None,
    shares_1: Tensor | None = None,
) -> Tensor:
    r"""$\mathrm{E}\log c_v(x_1) - \mathrm{E}\log v(x_0)$, to be differentiated.

    Args:
        factors: of the covariances: standard deviations along the coordinates, or lower
            triangular matrices L with $V = L L^T$.
        shares_0, shares_1: of the points in the two means; None for even ones.

    Shapes:
        log_weights: (K,), means: (K, D), factors: (K, D) or (K, D, D), x_0: (N, D),
        x_1: (M, D), shares_0: (N,), shares_1: (M,) -> ()
    """
    away = x_0[:, None, :] - means
    if factors.ndim == 2:
        whitened, log_stds = away / factors, factors.log()
        pulled = x_1[:, None, :] * factors
    else:
        flat = torch.linalg.solve_triangular(factors, away.permute(1, 2, 0), upper=False)
        whitened = flat.permute(2, 0, 1)
        log_stds = torch.diagonal(factors, dim1=-2, dim2=-1).log()
        pulled = torch.einsum("nd,kde->nke", x_1, factors)
    of_data = -0.5 * whitened.square().sum(-1) - log_stds.sum(-1)
    of_data = of_data - 0.5 * means.shape[1] * math.log(2 * math.pi)
    of_start = x_1 @ means.T / entropy + 0.5 * pulled.square().sum(-1) / entropy**2
    on_data = torch.logsumexp(log_weights + of_data, 1)
    on_start = torch.logsumexp(log_weights + of_start, 1)
    return _mean(on_start, shares_1) - _mean(on_data, shares_0)


def _mean(values: Tensor, shares: Tensor | None) -> Tensor:
    return values.mean() if shares is None else shares @ values
