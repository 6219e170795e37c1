"""Two normal distributions side by side: the simplest density with two modes."""

from __future__ import annotations

from snowmelt.common.argument_checks import (
    check_at_least,
    check_between_0_and_1,
    check_positive,
)
from snowmelt.common.bounds import Few, Fraction, Positive
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
        distance: Positive = 1.6,
        std: Positive = 0.2,
        share: Fraction = 0.3,
        size: Few = 2,
    ) -> None:
        check_between_0_and_1(share=share)
        check_positive(distance=distance, std=std)
        check_at_least(1, size=size)
        rest = [0.0] * (size - 1)
        means = [[-0.5 * distance, *rest], [0.5 * distance, *rest]]
        super().__init__([share, 1.0 - share], means, std**2)
