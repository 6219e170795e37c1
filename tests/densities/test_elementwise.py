"""Independent elements: each is what a mixture on the line is."""

from __future__ import annotations

import pytest
import torch

from snowmelt.densities.elementwise import Elementwise
from snowmelt.densities.mixture import GaussianMixture
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine

WEIGHTS = torch.tensor([[0.3, 0.7], [0.5, 0.5], [0.9, 0.1]]).double()
MEANS = torch.tensor([[-1.0, 0.5], [0.2, 0.2], [0.0, 3.0]]).double()
STDS = torch.tensor([[0.1, 0.4], [1.0, 1.0], [0.3, 0.2]]).double()
DENSITY = Elementwise(WEIGHTS, MEANS, STDS)
X = torch.linspace(-2.0, 3.0, 15).double().reshape(5, 3)


def on_the_line(element: int) -> GaussianMixture:
    rows = (WEIGHTS[element], MEANS[element, :, None], STDS[element] ** 2)
    return GaussianMixture(*rows)


@pytest.mark.parametrize("labels", [None, torch.tensor([0, 1, -1, 0, 1])])
@pytest.mark.parametrize(("alpha", "sigma"), [(1.0, 0.0), (0.8, 0.6), (0.0, 1.0)])
def test_estimates_of_an_element_are_those_of_its_mixture(
    alpha: float, sigma: float, labels: torch.Tensor | None
) -> None:
    scales = torch.tensor(alpha).double(), torch.tensor(sigma).double()
    found = DENSITY.estimates(X, *scales, labels)
    for element in range(3):
        expected = on_the_line(element).estimates(X[:, element, None], *scales, labels)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one[:, element, None], other)


def test_the_log_density_is_the_sum_over_elements() -> None:
    expected = sum(on_the_line(k).log_prob(X[:, k, None]) for k in range(3))
    torch.testing.assert_close(DENSITY.log_prob(X), expected)
    moved = DENSITY.standardised([0.1, 0.2, 0.3], 2.0)
    y = (X - torch.tensor([0.1, 0.2, 0.3])) / 2.0
    shifted = DENSITY.log_prob(X) + 3 * torch.tensor(2.0).double().log()
    torch.testing.assert_close(moved.log_prob(y), shifted, rtol=1e-5, atol=1e-5)


def test_draws_have_the_moments_of_each_element() -> None:
    x = DENSITY.sample(20_000, seed=3, dtype=torch.float64)
    torch.testing.assert_close(x.mean(0), DENSITY.mean(), rtol=0, atol=0.03)
    torch.testing.assert_close(x.std(0), DENSITY.std(), rtol=0.03, atol=0)
    assert torch.equal(DENSITY.sample(7, seed=3), DENSITY.sample(9, seed=3)[:7])
    apart = x - x.mean(0)
    assert (apart.T @ apart / len(x)).fill_diagonal_(0).abs().max() < 0.02


def test_with_noise_it_is_the_density_of_the_noisy_state() -> None:
    process, t = VariancePreserving(Cosine()), torch.tensor(0.4).double()
    for element in range(3):
        noisy = on_the_line(element).at(process, t)
        torch.testing.assert_close(
            DENSITY.at(process, t).stds[element] ** 2, noisy.variances[:, 0]
        )
    denoiser = DENSITY.denoiser(process, V())
    expected = DENSITY.posterior_mean(X, process, t)
    torch.testing.assert_close(denoiser.x_0(X, t), expected)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((WEIGHTS, MEANS[:2], STDS), "must all be"),
        ((WEIGHTS * 2, MEANS, STDS), "the sum 1"),
        ((WEIGHTS, MEANS * torch.inf, STDS), "finite"),
        ((WEIGHTS, MEANS, -STDS), "positive"),
    ],
)
def test_what_is_no_density_is_refused(
    parts: tuple[torch.Tensor, ...], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        Elementwise(*parts)
