r"""Mixtures of normal distributions, known at every time of every process.

The draws of $q(x_0) = \sum_k w_k\,N(m_k, C_k)$ become, with noise, those of

$$q_t(x) = \sum_k w_k\,N(\alpha m_k,\ V_k), \qquad V_k = \alpha^2 C_k + \sigma^2 .$$

With the responsibilities $r_k(x) \propto w_k\,N(x;\ \alpha m_k, V_k)$ of the components,

$$\nabla\log q_t(x) = -\sum_k r_k V_k^{-1}(x - \alpha m_k), \qquad
  \mathrm{E}[x_0 \mid x] = \sum_k r_k \big(m_k + \alpha C_k V_k^{-1}(x - \alpha m_k)\big).$$

Neither divides by $\alpha$ or $\sigma$, so both hold from clean data to pure noise.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.densities.covariances import principal_axes
from snowmelt.densities.exact import Perturbable, shift_and_scale
from snowmelt.diffusion.processes import Process

Numbers = Tensor | Sequence[Any] | float
_SUM_ERROR = 1e-6
# Step 0 of its stream is the noise that pictures of the start are drawn with.
_COMPONENT_STEP, _NORMAL_STEP = 1, 2


def double(values: Numbers) -> Tensor:
    """Numbers of any kind as float64."""
    return torch.as_tensor(values, dtype=torch.float64)


class GaussianMixture(Perturbable):
    """A weighted sum of normal distributions; with labels, each component is a class.

    Args:
        weights: (K,), positive, of sum 1.
        means: (K, D).
        covariances: () one variance for all, (K,) one for each component, (K, D) one for
            each axis, or (K, D, D) full matrices.

    Raises:
        ValueError: weights that are not positive or do not sum to 1, means that are not
            finite or do not fit the weights, or invalid covariances.
    """

    def __init__(self, weights: Numbers, means: Numbers, covariances: Numbers) -> None:
        parts, self.means = double(weights), double(means)
        if parts.ndim != 1 or not (parts > 0).all():
            raise ValueError(f"weights must be a row of positive numbers, got {weights}")
        if not abs(float(parts.sum()) - 1.0) <= _SUM_ERROR:
            raise ValueError(f"weights must have the sum 1, got {float(parts.sum())}")
        if self.means.ndim != 2 or len(self.means) != len(parts) or not self.size:
            raise ValueError(
                f"means must be (K, D), one row for each of {len(parts)} weights, got the"
                f" shape {tuple(self.means.shape)}"
            )
        if not self.means.isfinite().all():
            raise ValueError(f"means must be finite, got {means}")
        self.weights = parts / parts.sum()
        self.variances, self.axes = principal_axes(double(covariances), *self.means.shape)

    @property
    def size(self) -> int:
        """D, the number of elements of an event."""
        return self.means.shape[-1]

    def mean(self) -> Tensor:
        """The mean of the mixture. Shapes: -> (D,) float64"""
        return self.weights @ self.means

    def covariance(self) -> Tensor:
        """The covariance of the mixture. Shapes: -> (D, D) float64"""
        own = torch.diag_embed(self.variances)
        if self.axes is not None:
            own = self.axes @ own @ self.axes.mT
        away = self.means - self.mean()
        between = away[:, :, None] * away[:, None, :]
        return (self.weights[:, None, None] * (own + between)).sum(0)

    def sample(self, n: int, *, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
        index, stream = torch.arange(n), Stream.DENSITY
        component = self.components(n, seed=seed)
        shape, step = (self.size,), _NORMAL_STEP
        noise = normal(shape, seed=seed, stream=stream, index=index, step=step)
        spread = self.variances[component].sqrt() * noise.to(torch.float64)
        if self.axes is not None:
            for number, axes in enumerate(self.axes):
                spread[component == number] = spread[component == number] @ axes.T
        return (self.means[component] + spread).to(dtype)

    def components(self, n: int, *, seed: int) -> Tensor:
        """Which component each draw of `sample` comes from. Shapes: -> (n,) int64"""
        index, stream = torch.arange(n), Stream.DENSITY
        place = uniform((), seed=seed, stream=stream, index=index, step=_COMPONENT_STEP)
        component = torch.searchsorted(self.weights.cumsum(0), place.contiguous())
        return component.clamp(max=len(self.weights) - 1)

    def log_prob(self, x: Tensor) -> Tensor:
        _, _, log_joint = self._components(x, *self._clean(x))
        return log_joint.logsumexp(1).to(x.dtype)

    def score(self, x: Tensor) -> Tensor:
        pulls, _, log_joint = self._components(x, *self._clean(x))
        score = -self._unrotated(log_joint.softmax(1)[..., None] * pulls).sum(1)
        return score.reshape(x.shape).to(x.dtype)

    def at(self, process: Process, t: Tensor) -> Self:
        time = t.to(torch.float64)
        alpha, sigma = process.alpha(time).detach(), process.sigma(time).detach()
        alpha, sigma = alpha.to(self.means.device), sigma.to(self.means.device)
        noisy = copy.copy(self)
        noisy.means = alpha * self.means
        noisy.variances = alpha**2 * self.variances + sigma**2
        return noisy

    def standardised(self, mean: Numbers, std: float) -> Self:
        shift, scale = shift_and_scale(mean, std, self.size)
        moved = copy.copy(self)
        moved.means = (self.means - shift.to(self.means.device)) / scale
        moved.variances = self.variances / scale**2
        return moved

    def estimates(
        self, x: Tensor, alpha: Tensor, sigma: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        alpha, sigma = alpha.reshape(-1, 1, 1), sigma.reshape(-1, 1, 1)
        pulls, variances, log_joint = self._components(x, alpha, sigma)
        if labels is not None:
            log_joint = log_joint.masked_fill(~self._is_possible(labels), -math.inf)
        weights = log_joint.softmax(1)[..., None]
        centres = (weights * self.means.to(x.device)).sum(1)
        moved = alpha * self._unrotated(weights * variances * pulls)
        noise = sigma * self._unrotated(weights * pulls)
        return (centres + moved.sum(1)).reshape(x.shape), noise.sum(1).reshape(x.shape)

    def posterior(
        self, y: Tensor, scale: Tensor, std: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""The posterior of a draw $x$ given $y = a x + c\,\epsilon$: a mixture again.

        Each component is multiplied by the same normal density of $x$, so it stays normal,
        with the mean $m_k + a C_k V_k^{-1}(y - a m_k)$ and the variances
        $c^2 C_k V_k^{-1}$, where $V_k = a^2 C_k + c^2$; its weight is $r_k(y)$.

        Args:
            scale, std: $a$ and $c$.

        Shapes:
            y: (B, *D), scale, std: () -> weights (B, K), means (B, K, D), variances along
            the axes, the same for every `y`, (K, D); all float64
        """
        scale, std = scale.reshape(1, 1, 1), std.reshape(1, 1, 1)
        pulls, variances, log_joint = self._components(y, scale, std)
        moved = scale * self._unrotated(variances * pulls)
        after = (scale**2 * variances + std**2)[0]
        means = self.means.to(y.device) + moved
        return log_joint.softmax(1), means, std[0] ** 2 * variances / after

    def _components(
        self, x: Tensor, alpha: Tensor, sigma: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pulls towards each component's mean, in its axes; variances; log joint densities.

        Shapes:
            x: (B, *D), alpha, sigma: (B, 1, 1) or (1, 1, 1)
            -> (B, K, D), (K, D), (B, K)
        """
        flat = x.to(torch.float64).flatten(1)
        if flat.shape[1] != self.size:
            raise ValueError(
                f"events of {self.size} elements are needed, got the shape {tuple(x.shape)}"
            )
        weights, means, variances = (
            part.to(x.device) for part in (self.weights, self.means, self.variances)
        )
        away = flat[:, None, :] - alpha * means
        if self.axes is not None:
            away = torch.einsum("bkd,kde->bke", away, self.axes.to(x.device))
        noisy = alpha**2 * variances + sigma**2
        pulls = away / noisy
        exponent = (away * pulls + torch.log(2 * math.pi * noisy)).sum(-1)
        return pulls, variances, torch.log(weights) - 0.5 * exponent

    def _unrotated(self, vectors: Tensor) -> Tensor:
        """From each component's axes back. Shapes: (B, K, D) -> (B, K, D)"""
        if self.axes is None:
            return vectors
        return torch.einsum("bke,kde->bkd", vectors, self.axes.to(vectors.device))

    def _is_possible(self, labels: Tensor) -> Tensor:
        """Which components a label allows. Shapes: labels: (B,) -> (B, K)"""
        count = len(self.weights)
        if not ((labels >= -1) & (labels < count)).all():
            raise ValueError(
                f"labels must lie between -1 and {count - 1}, got {labels.tolist()}"
            )
        component = torch.arange(count, device=labels.device)
        return (labels[:, None] == component) | (labels[:, None] == -1)

    def _clean(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The scales of data without noise."""
        one = torch.ones(1, 1, 1, dtype=torch.float64, device=x.device)
        return one, torch.zeros_like(one)
