"""Points of two separate normal distributions: the double Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from snowmelt import densities
from snowmelt.common import argument_checks
from snowmelt.common.bounds import Fraction, Positive
from snowmelt.data.sources.toy.cloud import Cloud, Points


@dataclass(frozen=True, kw_only=True)
class DoubleGaussian(Cloud):
    """Two round normal distributions, beside each other at the height 0.

    Their density is `densities.DoubleGaussian` with the same arguments. The parts are
    unequal on purpose: a model that draws each as often as the other is noticed.

    Args:
        distance: between their means, which lie left and right of 0.
        std: of each, in both coordinates.
        share: of the points that belong to the left one.
    """

    distance: Positive = 1.6
    std: Positive = 0.2
    share: Fraction = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.positive("data.distance", self.distance)
        argument_checks.positive("data.std", self.std)
        argument_checks.fraction("data.share", self.share)

    @property
    def classes(self) -> tuple[str, ...]:
        return ("left", "right")

    def draw(self, index: Tensor) -> tuple[Points, NDArray[np.int64]]:
        labels = (self.uniforms(index, 1)[:, 0] >= self.share).astype(np.int64)
        points = self.std * self.normals(index)
        points[:, 0] += self.distance * (labels - 0.5)
        return points, labels

    def density(self) -> densities.DoubleGaussian:
        """The two of them; its labels are those of the points."""
        return densities.DoubleGaussian(self.distance, self.std, self.share)
