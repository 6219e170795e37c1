"""Two normal distributions side by side: the simplest density with two modes."""

from __future__ import annotations

import math

from snowmelt.densities.mixture import GaussianMixture


class DoubleGaussian(GaussianMixture):
    """Two isotropic normal distributions, centred on the first axis at equal distances.

    They have unequal weights on purpose: with equal ones, chains that never leave the mode
    in which they were started, and a sampler that draws from both modes equally often,
    would look perfect.

    Args:
        distance: between the two means.
        std: of each.
        share: the weight of the left one.
        size: D, the number of dimensions.

    Raises:
        ValueError: a `share` outside (0, 1), a `distance` or `std` that is not positive, or
            no dimension.
    """

    def __init__(
        self,
        distance: float = 1.6,
        std: float = 0.2,
        share: float = 0.3,
        size: int = 2,
    ) -> None:
        if not 0.0 < share < 1.0:
            raise ValueError(f"share must lie between 0 and 1, got {share}")
        for name, value in (("distance", distance), ("std", std)):
            if not 0.0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {value}")
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}")
        rest = [0.0] * (size - 1)
        means = [[-0.5 * distance, *rest], [0.5 * distance, *rest]]
        super().__init__([share, 1.0 - share], means, std**2)
