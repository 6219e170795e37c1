"""Known densities in another unit of length: one law for every kind of them."""

from __future__ import annotations

import math

import pytest
import torch
from tests.combinations import close, double
from torch import Tensor

from snowmelt.densities import (
    DoubleGaussian,
    Gaussian,
    GaussianMixture,
    GridDensity,
    KernelDensity,
    Perturbable,
    Picture,
)
from snowmelt.diffusion.processes import VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, InputScaled, ZeroTerminal

MEAN, STD = [0.3, -1.2], 2.5
SHIFT = torch.tensor(MEAN, dtype=torch.float64)
COSINE = VariancePreserving(Cosine())
TURNED = torch.tensor([[0.5, 0.3], [0.3, 0.4]], dtype=torch.float64)
CLOUD = torch.randn(50, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
VALUES = [[0.0, 1.0, 3.0], [2.0, 0.0, 0.5]]
HALF = double(0.5)[0]
GRID = GridDensity(VALUES, [[-1.0, 0.6], [0.0, 0.9]])
DENSITIES: dict[str, Perturbable] = {
    "gaussian": Gaussian([1.0, 0.2], covariance=TURNED),
    "double_gaussian": DoubleGaussian(),
    "rotated": GaussianMixture(
        [0.3, 0.7], [[0.0, 1.0], [2.0, 0.0]], torch.stack((TURNED, TURNED.flip(0, 1)))
    ),
    "kernel": KernelDensity(CLOUD, [0.2, 0.4], labels=torch.arange(50) % 3),
    "grid": GRID,
    "smoothed": GridDensity(VALUES, smoothing=0.2),
    "picture": Picture(VALUES, half_width=2.0, smoothing=0.1),
    "noisy": GRID.at(COSINE, HALF),
    "noisy_smoothed": GridDensity(VALUES, smoothing=0.2).at(COSINE, HALF),
    "nothing_left": GRID.at(VariancePreserving(ZeroTerminal(Cosine())), 2 * HALF),
}
every_density = pytest.mark.parametrize("name", DENSITIES)


def there(x: Tensor) -> Tensor:
    return (x - SHIFT) / STD


def points(density: Perturbable) -> Tensor:
    """Places inside, and some outside."""
    x = density.sample(20, seed=5, dtype=torch.float64)
    return torch.cat((x, 2 * x + 1))


@every_density
def test_draws_density_and_score_in_another_unit(name: str) -> None:
    ours = DENSITIES[name]
    other, x = ours.standardised(MEAN, STD), points(ours)
    assert type(other) is type(ours)
    drawn = there(ours.sample(200, seed=1, dtype=torch.float64))
    close(other.sample(200, seed=1, dtype=torch.float64), drawn, rtol=1e-12, atol=1e-13)
    expected = ours.log_prob(x) + 2 * math.log(STD)
    close(other.log_prob(there(x)), expected, rtol=1e-8, atol=1e-10)
    size = float(ours.score(x).abs().max())
    close(other.score(there(x)), STD * ours.score(x), rtol=1e-7, atol=1e-9 * size)
    assert isinstance(ours, GaussianMixture | GridDensity)
    assert isinstance(other, GaussianMixture | GridDensity)
    close(other.mean(), there(ours.mean()), rtol=1e-12, atol=1e-13)
    close(other.covariance(), ours.covariance() / STD**2, rtol=1e-11, atol=1e-14)


@every_density
def test_posterior_means_are_the_same_places(name: str) -> None:
    # y_t = (x_t - alpha m) / c = alpha y_0 + (sigma / c) eps, with the same eps.
    ours, angle = DENSITIES[name], torch.linspace(0.05, 1.5, 40, dtype=torch.float64)
    other, (alpha, sigma) = ours.standardised(MEAN, STD), (angle.cos(), angle.sin())
    alpha, sigma, x = alpha[:, None], sigma[:, None], points(ours)
    labels = torch.arange(40) % 4 - 1 if name == "kernel" else None
    x_0, eps = ours.estimates(x, alpha, sigma, labels)
    found = other.estimates((x - alpha * SHIFT) / STD, alpha, sigma / STD, labels)
    close(found[0], there(x_0), rtol=1e-8, atol=1e-9)
    close(found[1], eps, rtol=1e-8, atol=1e-8)


@every_density
def test_noise_and_the_change_of_unit_in_either_order(name: str) -> None:
    # A signal-to-noise ratio c^2 times as large is a noise c times as small.
    ours, schedule = DENSITIES[name], Geometric()
    before = ours.standardised(MEAN, STD)
    before = before.at(VarianceExploding(InputScaled(schedule, scale=STD)), HALF)
    after = ours.at(VarianceExploding(schedule), HALF).standardised(MEAN, STD)
    x = points(before)
    close(before.log_prob(x), after.log_prob(x), rtol=1e-9, atol=1e-10)
    # A process that scales the data scales its centre: the places of the density are
    # those of the noise-free mean, whatever the noise.
    noisy = ours.at(COSINE, HALF).standardised(COSINE.alpha(HALF) * SHIFT, STD)
    assert isinstance(noisy, GaussianMixture | GridDensity)
    assert isinstance(ours, GaussianMixture | GridDensity)
    close(noisy.mean(), COSINE.alpha(HALF) * there(ours.mean()), rtol=1e-9, atol=1e-12)


@every_density
def test_there_and_back(name: str) -> None:
    ours = DENSITIES[name]
    back = ours.standardised(MEAN, STD).standardised(-SHIFT / STD, 1 / STD)
    x = points(ours)
    close(back.log_prob(x), ours.log_prob(x), rtol=1e-8, atol=1e-10)
    one = ours.standardised(0.0, 1.0)
    close(one.sample(9, seed=0), ours.sample(9, seed=0), rtol=1e-6, atol=1e-7)
    # One number stands for as many as there are dimensions; the original stays as it is.
    same = ours.standardised(0.7, STD).log_prob(x)
    assert torch.equal(same, ours.standardised([0.7, 0.7], STD).log_prob(x))
    close(one.log_prob(x), ours.log_prob(x), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["gaussian", "kernel", "grid"])
@pytest.mark.parametrize(
    ("mean", "std", "named"),
    [
        ([0.0, 0.0, 0.0], 1.0, "mean must be finite, one for all or one for each of 2"),
        ([[0.0, 0.0]], 1.0, "mean must be"),
        ([0.0, math.nan], 1.0, "mean must be finite"),
        (0.0, 0.0, "std must be positive and finite, got 0.0"),
        (0.0, -1.0, "std must be positive"),
        (0.0, math.inf, "std must be positive"),
        (0.0, math.nan, "std must be positive"),
    ],
)
def test_what_is_no_unit_is_refused(
    name: str, mean: object, std: float, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        DENSITIES[name].standardised(mean, std)
