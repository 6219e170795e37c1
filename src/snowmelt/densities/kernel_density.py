r"""Kernel density estimation: a normal kernel on each point.

$$\hat q(x) = \frac1N\sum_n N(x;\ x_n,\ \mathrm{diag}(b^2))$$

is a mixture of N equal components, so it is known at every time of every process, and so is
its exact denoiser. As the bandwidth $b$ goes to zero that denoiser becomes the one that
minimises the training loss on these N points: its posterior mean is a weighted average of
training points, and sampling with it returns training points. A network generalises
because it does not reach this minimum.

References:
    Silverman (1986), "Density estimation for statistics and data analysis", section 4.3.2.
    Scott (1992), "Multivariate density estimation", section 6.3.
    De Bortoli (2022), arXiv:2208.05314 (diffusion models of an empirical distribution).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from snowmelt.densities.mixture import GaussianMixture, Numbers, double

_NUMBERS_AT_ONCE = 2**23


class Bandwidth(ABC):
    """A rule that finds the bandwidth from the points themselves."""

    @abstractmethod
    def factor(self, count: int, size: int) -> float:
        """The width in units of the standard deviation of N points in D dimensions."""

    def __call__(self, points: Tensor) -> Tensor:
        """One width for each axis. Shapes: points: (N, D) -> (D,)"""
        return self.factor(*points.shape) * points.std(0)


class Scott(Bandwidth):
    r"""$N^{-1/(D+4)}$: the order that is best for a normal density."""

    def factor(self, count: int, size: int) -> float:
        return float(count ** (-1.0 / (size + 4)))


class Silverman(Bandwidth):
    r"""$\big(\tfrac{4}{N (D + 2)}\big)^{1/(D+4)}$: the best for a normal density.

    Of separated modes it is too wide, since their distance is part of the spread that it
    is measured by.
    """

    def factor(self, count: int, size: int) -> float:
        return float((4.0 / (count * (size + 2))) ** (1.0 / (size + 4)))


class KernelDensity(GaussianMixture):
    """The kernel density estimate of a set of points.

    Args:
        points: (N, D) or (N, *D).
        bandwidth: standard deviation of each kernel, one for all axes or (D,), or a rule
            that finds it.
        labels: (N,) the class of each point, not negative; conditional on a class, the
            density is that of its points. None: there are no classes.

    Raises:
        ValueError: no points, points that are not finite, a bandwidth that is not positive,
            a rule given too few points to have a spread, or labels that do not fit.
    """

    def __init__(
        self,
        points: Numbers,
        bandwidth: Numbers | Bandwidth,
        labels: Tensor | None = None,
    ) -> None:
        cloud = double(points)
        if cloud.ndim < 2 or not cloud.numel():
            raise ValueError(f"points must be (N, D), got the shape {tuple(cloud.shape)}")
        cloud = cloud.flatten(1)
        count, size = cloud.shape
        is_rule = isinstance(bandwidth, Bandwidth)
        if is_rule and count < 2:
            raise ValueError("a rule for the bandwidth needs at least 2 points, got 1")
        width = bandwidth(cloud) if isinstance(bandwidth, Bandwidth) else double(bandwidth)
        if width.shape not in ((), (size,)) or not (width > 0).all():
            found = " found by the rule" if is_rule else ""
            raise ValueError(
                f"bandwidth must be positive, one for all or one for each of {size}"
                f" dimensions, got {width.tolist()}{found}"
            )
        if labels is not None and (labels.shape != (count,) or (labels < 0).any()):
            raise ValueError(
                f"labels must be one number from 0 for each of {count} points, got the"
                f" shape {tuple(labels.shape)}"
            )
        weights = torch.full((count,), 1.0 / count, dtype=torch.float64)
        super().__init__(weights, cloud, torch.square(width).expand(count, size))
        self.labels = labels

    def log_prob(self, x: Tensor) -> Tensor:
        parts = [super(KernelDensity, self).log_prob(x[rows]) for rows in self._parts(x)]
        return torch.cat(parts)

    def score(self, x: Tensor) -> Tensor:
        parts = [super(KernelDensity, self).score(x[rows]) for rows in self._parts(x)]
        return torch.cat(parts)

    def estimates(
        self, x: Tensor, alpha: Tensor, sigma: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        alpha, sigma = (scale.reshape(-1).expand(len(x)) for scale in (alpha, sigma))
        pairs = [
            super(KernelDensity, self).estimates(
                x[rows], alpha[rows], sigma[rows], None if labels is None else labels[rows]
            )
            for rows in self._parts(x)
        ]
        x_0, eps = (torch.cat(part) for part in zip(*pairs, strict=True))
        return x_0, eps

    def _parts(self, x: Tensor) -> Iterator[slice]:
        """Rows whose distances to all points are held at once; of none, one part."""
        rows = max(1, _NUMBERS_AT_ONCE // self.means.numel())
        return (slice(k, k + rows) for k in range(0, max(1, len(x)), rows))

    def _is_possible(self, labels: Tensor) -> Tensor:
        if self.labels is None:
            raise ValueError("these points have no labels")
        own = self.labels.to(labels.device)
        highest = int(own.max())
        if not ((labels >= -1) & (labels <= highest)).all():
            raise ValueError(
                f"labels must lie between -1 and {highest}, got {labels.tolist()}"
            )
        return (labels[:, None] == own) | (labels[:, None] == -1)
