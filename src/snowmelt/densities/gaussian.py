"""The normal distribution, for which every reverse kernel is normal too."""

from __future__ import annotations

import math

import torch

from snowmelt.densities.mixture import GaussianMixture, Numbers, double


class Gaussian(GaussianMixture):
    r"""A normal distribution $N(m, C)$, as a mixture of one component.

    Args:
        mean: (D,).
        std: () or (D,), the standard deviation of all elements or of each.
        covariance: (D, D), in place of `std`.

    Raises:
        ValueError: the mean is not a finite vector, both or neither of `std` and
            `covariance` are given, or the one given is not positive (definite).
    """

    def __init__(
        self, mean: Numbers, std: Numbers | None = None, covariance: Numbers | None = None
    ) -> None:
        centre = double(mean)
        if centre.ndim != 1:
            raise ValueError(f"mean must be (D,), got the shape {tuple(centre.shape)}")
        if (std is None) == (covariance is None):
            raise ValueError("a Gaussian needs either std or covariance")
        if covariance is not None:
            spread = double(covariance)
            if spread.shape != (len(centre), len(centre)):
                raise ValueError(
                    f"covariance of {len(centre)} dimensions must be a square of them, got"
                    f" the shape {tuple(spread.shape)}"
                )
        else:
            spread = double(1.0 if std is None else std)
            if spread.shape not in ((), centre.shape) or not (spread > 0).all():
                raise ValueError(
                    f"std must be positive, one for all or one for each of {len(centre)}"
                    f" dimensions, got {std}"
                )
            spread = torch.square(spread).expand(len(centre))
        super().__init__([1.0], centre[None], spread[None])

    def entropy(self) -> float:
        r"""$\tfrac12\log\det(2\pi e\,C)$, in nats."""
        return float(0.5 * torch.log(2 * math.pi * math.e * self.variances).sum())
