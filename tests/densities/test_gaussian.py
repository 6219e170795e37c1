"""The normal distribution against torch's."""

from __future__ import annotations

import pytest
import torch
from tests.combinations import close, double
from torch.distributions import MultivariateNormal

from snowmelt.densities import Gaussian
from snowmelt.diffusion.processes import VarianceExploding
from snowmelt.diffusion.schedules import Cosine

FULL = [[0.5, 0.2], [0.2, 0.3]]


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ({"std": 0.4}, [[0.16, 0.0], [0.0, 0.16]]),
        ({"std": [0.4, 2.0]}, [[0.16, 0.0], [0.0, 4.0]]),
        ({"covariance": FULL}, FULL),
    ],
)
def test_density_and_entropy_are_those_of_torch(given: dict, full: list) -> None:
    ours, mean = Gaussian([0.3, -0.7], **given), double(0.3, -0.7)
    theirs = MultivariateNormal(mean, torch.tensor(full, dtype=torch.float64))
    x = ours.sample(30, seed=1, dtype=torch.float64)
    close(ours.log_prob(x), theirs.log_prob(x))
    assert ours.entropy() == pytest.approx(float(theirs.entropy()))
    close(ours.mean(), mean)
    close(ours.covariance(), theirs.covariance_matrix, atol=1e-12)


def test_noise_keeps_it_a_gaussian() -> None:
    ours = Gaussian([0.3, -0.7], covariance=FULL)
    process, t = VarianceExploding(Cosine()), torch.tensor(0.6, dtype=torch.float64)
    noisy = ours.at(process, t)
    assert isinstance(noisy, Gaussian)
    own = torch.tensor(FULL, dtype=torch.float64)
    own = own + process.sigma(t) ** 2 * torch.eye(2, dtype=torch.float64)
    theirs = MultivariateNormal(double(0.3, -0.7), own)
    assert noisy.entropy() == pytest.approx(float(theirs.entropy()))
    assert noisy.entropy() > ours.entropy()
    # A time in float32 loses nothing but its own digits.
    close(ours.at(process, t.float()).variances, noisy.variances, rtol=1e-5)


@pytest.mark.parametrize(
    ("mean", "given", "named"),
    [
        ([0.0, 1.0], {}, "either std or covariance"),
        ([0.0, 1.0], {"std": 1.0, "covariance": FULL}, "either std or covariance"),
        ([[0.0, 1.0]], {"std": 1.0}, "mean must be"),
        (0.0, {"std": 1.0}, "mean must be"),
        ([0.0, 1.0], {"std": 0.0}, "std must be positive"),
        ([0.0, 1.0], {"std": -1.0}, "std must be positive"),
        ([0.0, 1.0], {"std": [1.0, 1.0, 1.0]}, "std must be"),
        ([0.0, 1.0], {"covariance": [1.0, 1.0]}, "covariance of 2 dimensions"),
        ([0.0, 1.0], {"covariance": [[1.0, 3.0], [3.0, 1.0]]}, "positive definite"),
        ([float("nan")], {"std": 1.0}, "finite"),
        ([0.0], {"std": float("inf")}, "finite"),
    ],
)
def test_what_is_no_gaussian_is_refused(mean: object, given: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Gaussian(mean, **given)
