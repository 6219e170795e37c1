"""The double Gaussian is the mixture that it says it is."""

from __future__ import annotations

import pytest
import torch
from tests.combinations import close

from snowmelt.densities import DoubleGaussian, GaussianMixture


@pytest.mark.parametrize("size", [1, 2, 5])
def test_two_bumps_side_by_side(size: int) -> None:
    ours = DoubleGaussian(distance=3.0, std=0.5, share=0.2, size=size)
    means = torch.zeros(2, size)
    means[:, 0] = torch.tensor([-1.5, 1.5])
    theirs = GaussianMixture([0.2, 0.8], means, 0.25)
    x = ours.sample(20, seed=0, dtype=torch.float64)
    close(ours.log_prob(x), theirs.log_prob(x))
    assert x.shape == (20, size)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"share": 0.0}, "share"),
        ({"share": 1.0}, "share"),
        ({"std": 0.0}, "std"),
        ({"std": float("nan")}, "std"),
        ({"distance": -1.0}, "distance"),
        ({"size": 0}, "size"),
    ],
)
def test_what_is_none_is_refused(given: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        DoubleGaussian(**given)
