r"""Events of independent elements, each by a mixture of normal distributions of its own.

What holds for a mixture on the line holds here for every element by itself, so an event of
thousands of elements costs no matrix. A picture whose pixels know nothing of each other is
such an event: good enough to see whether a sampler ends where it should.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.densities.exact import Perturbable, shift_and_scale
from snowmelt.diffusion.processes import Process

# The steps of its stream that `GaussianMixture` takes for the same things.
_COMPONENT_STEP, _NORMAL_STEP = 1, 2


class Elementwise(Perturbable):
    r"""D independent elements, element j by $\sum_k w_{jk}\,N(m_{jk}, s_{jk}^2)$.

    With labels, component k of every element is class k.

    Args:
        weights: (D, K), positive, of sum 1 in each row.
        means, stds: (D, K); stds are positive.

    Raises:
        ValueError: shapes that differ, or values out of their range.
    """

    def __init__(self, weights: Tensor, means: Tensor, stds: Tensor) -> None:
        parts = tuple(part.to(torch.float64) for part in (weights, means, stds))
        self.weights, self.means, self.stds = parts
        if self.weights.ndim != 2 or len({part.shape for part in parts}) != 1:
            shapes = ", ".join(str(tuple(part.shape)) for part in parts)
            raise ValueError(f"weights, means and stds must all be (D, K), got {shapes}")
        sums = self.weights.sum(1)
        if not (self.weights > 0).all() or not torch.allclose(sums, torch.ones_like(sums)):
            raise ValueError("weights must be positive, with the sum 1 in each row")
        if not (self.stds > 0).all() or not self.means.isfinite().all():
            raise ValueError("stds must be positive and means finite")

    @property
    def size(self) -> int:
        """D, the number of elements of an event."""
        return len(self.weights)

    def mean(self) -> Tensor:
        """Of each element. Shapes: -> (D,) float64"""
        return (self.weights * self.means).sum(1)

    def std(self) -> Tensor:
        """Of each element. Shapes: -> (D,) float64"""
        square = (self.weights * (self.means**2 + self.stds**2)).sum(1)
        return (square - self.mean() ** 2).sqrt()

    def sample(self, n: int, *, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
        index, shape, stream = torch.arange(n), (self.size,), Stream.DENSITY
        place = uniform(shape, seed=seed, stream=stream, index=index, step=_COMPONENT_STEP)
        edges = self.weights.cumsum(1)[:, :-1]
        chosen = (place[..., None] > edges).sum(-1, keepdim=True)
        noise = normal(shape, seed=seed, stream=stream, index=index, step=_NORMAL_STEP)
        mean, std = (
            part.expand(n, -1, -1).gather(2, chosen)[..., 0]
            for part in (self.means, self.stds)
        )
        return (mean + std * noise.to(torch.float64)).to(dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        one = x.new_ones((), dtype=torch.float64)
        _, _, log_joint = self._parts(x, one, torch.zeros_like(one))
        return log_joint.logsumexp(-1).sum(-1).to(x.dtype)

    def at(self, process: Process, t: Tensor) -> Self:
        time = t.to(torch.float64)
        alpha, sigma = process.alpha(time).detach(), process.sigma(time).detach()
        noisy = copy.copy(self)
        noisy.means = alpha * self.means
        noisy.stds = torch.hypot(alpha * self.stds, sigma)
        return noisy

    def standardised(self, mean: Tensor | Sequence[float] | float, std: float) -> Self:
        shift, scale = shift_and_scale(mean, std, self.size)
        moved = copy.copy(self)
        moved.means = (self.means - shift[:, None]) / scale
        moved.stds = self.stds / scale
        return moved

    def estimates(
        self, x: Tensor, alpha: Tensor, sigma: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        alpha, sigma = (part.reshape(-1, 1, 1) for part in (alpha, sigma))
        pulls, variances, log_joint = self._parts(x, alpha, sigma)
        if labels is not None:
            component = torch.arange(self.weights.shape[1], device=labels.device)
            other = (labels[:, None] != component) & (labels[:, None] >= 0)
            log_joint = log_joint.masked_fill(other[:, None, :], -math.inf)
        own = log_joint.softmax(-1)
        x_0 = (own * (self.means + alpha * variances * pulls)).sum(-1)
        eps = (own * sigma * pulls).sum(-1)
        return x_0.reshape(x.shape), eps.reshape(x.shape)

    def _parts(
        self, x: Tensor, alpha: Tensor, sigma: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pulls to the components, their variances and log joint densities.

        Shapes:
            x: (B, *D), alpha, sigma: (B, 1, 1), (1, 1, 1) or () -> (B, D, K), (D, K),
            (B, D, K)
        """
        away = x.to(torch.float64).flatten(1)[..., None] - alpha * self.means
        variances = self.stds**2
        noisy = alpha**2 * variances + sigma**2
        pulls = away / noisy
        exponent = away * pulls + torch.log(2 * math.pi * noisy)
        return pulls, variances, self.weights.log() - 0.5 * exponent
