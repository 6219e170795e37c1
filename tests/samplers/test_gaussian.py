"""Gaussian steps: Ho's chain, Song's DDIM, Bayes' rule, and convergence to the truth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from snowmelt.building import build
from snowmelt.denoiser import Denoiser
from snowmelt.predictions import X0, Eps, V
from snowmelt.processes import Process, VariancePreserving
from snowmelt.samplers.gaussian import Gaussian
from snowmelt.samplers.grids import uniform_grid
from snowmelt.samplers.sampler import Sampler
from snowmelt.schedules import Cosine, NoiseSchedule

CONF = Path(__file__).parents[2] / "conf"
SCHEDULES = sorted((CONF / "schedule").glob("*.yaml"))
every_schedule = pytest.mark.parametrize("file", SCHEDULES, ids=lambda file: file.stem)
every_eta = pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
MEAN, STD = 0.3, 0.6
Make = Callable[..., Denoiser]


def built(file: Path) -> Process:
    return VariancePreserving(build(OmegaConf.load(file), NoiseSchedule))


def double(value: float) -> Tensor:
    return torch.tensor([[value]], dtype=torch.float64)


def affine(map_: Callable[[Tensor, Tensor], Tensor]) -> tuple[float, float, float]:
    """The map x, z -> a x + b + c z as (a, b, c)."""
    x, z = torch.tensor([[0, 1, 0], [0, 0, 1]], dtype=torch.float64)[..., None]
    shift, moved, shaken = map_(x, z).flatten().tolist()
    return moved - shift, shift, shaken - shift


def marginal(process: Process, t: Tensor) -> tuple[float, float]:
    """The true mean and variance at a time."""
    alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
    return alpha * MEAN, (alpha * STD) ** 2 + sigma**2


def moments_before_last(
    denoiser: Denoiser, sampler: Sampler
) -> tuple[float, float, Tensor]:
    """Mean and variance at the last time of the grid, from the truth at the first."""
    times = uniform_grid(sampler.steps)
    mean, variance = marginal(denoiser.process, times[0])
    for t, s in itertools.pairwise(times):
        a, b, c = affine(lambda x, z, t=t, s=s: sampler.step(denoiser, x, t, s, z))
        mean, variance = a * mean + b, a**2 * variance + c**2
    return mean, variance, times[-1]


@every_schedule
@every_eta
def test_the_declared_order_is_what_one_measures(
    file: Path, eta: float, gaussian_denoiser: Make
) -> None:
    process = built(file)
    denoiser = gaussian_denoiser(process, Eps(), MEAN, STD)
    counts, errors = [40, 80, 160], []
    for count in counts:
        sampler = Gaussian(count, eta=eta)
        _, variance, t = moments_before_last(denoiser, sampler)
        errors.append(abs(math.sqrt(variance) - math.sqrt(marginal(process, t)[1])))
    slope = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert -slope == pytest.approx(Gaussian.order, abs=0.25)
    assert errors[-1] < 0.03


@every_schedule
@every_eta
def test_the_mean_goes_where_it_should(
    file: Path, eta: float, gaussian_denoiser: Make
) -> None:
    process = built(file)
    denoiser = gaussian_denoiser(process, Eps(), MEAN, STD)
    for count, tolerance in ((40, 0.06), (160, 0.02)):
        mean, _, t = moments_before_last(denoiser, Gaussian(count, eta=eta))
        assert mean == pytest.approx(marginal(process, t)[0], abs=tolerance)


@every_schedule
@every_eta
def test_data_without_spread_is_found_in_any_number_of_steps(
    file: Path, eta: float, gaussian_denoiser: Make
) -> None:
    # With one known point every step of the family is exact.
    process = built(file)
    denoiser, sampler = gaussian_denoiser(process, Eps(), MEAN, 0.0), Gaussian(5, eta=eta)
    times = uniform_grid(5)
    mean, variance = (
        float(process.alpha(times[0])) * MEAN,
        float(process.sigma(times[0])) ** 2,
    )
    for t, s in itertools.pairwise(times):
        a, b, c = affine(lambda x, z, t=t, s=s: sampler.step(denoiser, x, t, s, z))
        mean, variance = a * mean + b, a**2 * variance + c**2
        assert mean == pytest.approx(float(process.alpha(s)) * MEAN, abs=1e-9)
        assert variance == pytest.approx(float(process.sigma(s)) ** 2, rel=1e-9)


@every_schedule
def test_eta_1_draws_from_the_posterior(file: Path, gaussian_denoiser: Make) -> None:
    process = built(file)
    denoiser, sampler = gaussian_denoiser(process), Gaussian(10, eta=1.0)
    x_t, z = double(0.8), double(-1.3)
    for t, s in itertools.pairwise(uniform_grid(10)):
        x_0_hat = denoiser.x_0(x_t, t)
        mean, variance = process.posterior(x_t, x_0_hat, t, s)
        expected = mean + variance.sqrt() * z
        found = sampler.step(denoiser, x_t, t, s, z)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@every_schedule
@every_eta
def test_each_step_is_songs_formula(
    file: Path, eta: float, gaussian_denoiser: Make
) -> None:
    process = built(file)
    denoiser, sampler = gaussian_denoiser(process), Gaussian(10, eta=eta)
    x_t, z = double(0.8), double(-1.3)
    for t, s in itertools.pairwise(uniform_grid(10)):
        now, before = process.alpha(t) ** 2, process.alpha(s) ** 2
        eps = denoiser.eps(x_t, t)
        sigma = eta * ((1 - before) / (1 - now)).sqrt() * (1 - now / before).sqrt()
        x_0_hat = (x_t - (1 - now).sqrt() * eps) / now.sqrt()
        expected = (
            before.sqrt() * x_0_hat + (1 - before - sigma**2).sqrt() * eps + sigma * z
        )
        found = sampler.step(denoiser, x_t, t, s, z)
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


class Chain(NoiseSchedule):
    """Tabulated betas: after step k of T the time is k / T."""

    def __init__(self, betas: Tensor) -> None:
        alpha_bar = torch.cumprod(1 - betas, 0)
        self.table = torch.log(alpha_bar) - torch.log1p(-alpha_bar)

    def log_snr(self, t: Tensor) -> Tensor:
        return self.table[(t * len(self.table)).round().long() - 1]


@pytest.mark.parametrize("prediction", [Eps(), X0(), V()], ids=["eps", "x_0", "v"])
def test_parity_with_the_discrete_chain_of_ho(
    prediction: Eps | X0 | V, gaussian_denoiser: Make
) -> None:
    steps = 200
    betas = torch.linspace(1e-4, 0.02, steps, dtype=torch.float64) * 1000 / steps
    alphas, alpha_bar = 1 - betas, torch.cumprod(1 - betas, 0)
    denoiser = gaussian_denoiser(VariancePreserving(Chain(betas)), prediction)
    sampler, times = Gaussian(steps, eta=1.0), uniform_grid(steps)
    x, z = double(0.8), double(0.5)
    for number, (t, s) in enumerate(itertools.pairwise(times)):
        k = steps - 1 - number
        eps = denoiser.eps(x, t)
        mean = (x - betas[k] / (1 - alpha_bar[k]).sqrt() * eps) / alphas[k].sqrt()
        beta_tilde = (1 - alpha_bar[k - 1]) / (1 - alpha_bar[k]) * betas[k]
        found = sampler.step(denoiser, x, t, s, z)
        torch.testing.assert_close(
            found, mean + beta_tilde.sqrt() * z, rtol=1e-9, atol=1e-10
        )
        x, z = found, -z
    # The step to the data: Ho's mean for k = 1, and no noise.
    t = times[-1]
    mean = (x - betas[0].sqrt() * denoiser.eps(x, t)) / alphas[0].sqrt()
    torch.testing.assert_close(sampler.last(denoiser, x, t), mean, rtol=1e-9, atol=1e-10)


def test_eta_0_uses_no_noise_and_says_so(gaussian_denoiser: Make) -> None:
    denoiser, x_t = gaussian_denoiser(), double(0.8)
    t, s = torch.tensor(0.5).double(), torch.tensor(0.4).double()
    steps = [Gaussian(2, eta=0.0).step(denoiser, x_t, t, s, double(z)) for z in (0, 9)]
    assert torch.equal(*steps)
    assert not Gaussian(2, eta=0.0).is_stochastic
    assert Gaussian(2, eta=0.1).is_stochastic


@pytest.mark.parametrize("clip", [False, True])
@every_eta
def test_the_last_step_is_the_estimate_of_the_data(
    eta: float, clip: bool, gaussian_denoiser: Make
) -> None:
    denoiser, t = gaussian_denoiser(), torch.tensor(0.1).double()
    x_t = torch.linspace(-3, 3, 13, dtype=torch.float64)[:, None]
    expected = denoiser.x_0(x_t, t)
    assert float(expected.abs().max()) > 1
    expected = expected.clamp(-1, 1) if clip else expected
    torch.testing.assert_close(Gaussian(4, eta, clip).last(denoiser, x_t, t), expected)


@every_eta
@pytest.mark.parametrize("prediction", [Eps(), X0(), V()], ids=["eps", "x_0", "v"])
def test_clipped_data_brings_its_own_noise(
    eta: float, prediction: Eps | X0 | V, gaussian_denoiser: Make
) -> None:
    process = VariancePreserving(Cosine())
    denoiser = gaussian_denoiser(process, prediction, mean=0.0, std=5.0)
    t, s = torch.tensor(0.4).double(), torch.tensor(0.3).double()
    x_t = torch.tensor([[-4.0], [0.1], [4.0]], dtype=torch.float64)
    x_0_hat = denoiser.x_0(x_t, t).clamp(-1, 1)
    assert x_0_hat.flatten().abs().tolist() == pytest.approx([1, 0.1, 1], abs=0.05)
    # Whatever was clipped, data and noise must still make up the state.
    eps_hat = (x_t - process.alpha(t) * x_0_hat) / process.sigma(t)
    fresh = eta**2 * process.posterior(x_t, x_0_hat, t, s)[1]
    expected = process.alpha(s) * x_0_hat + (process.sigma(s) ** 2 - fresh).sqrt() * eps_hat
    found = Gaussian(4, eta, clip=True).step(denoiser, x_t, t, s, torch.zeros_like(x_t))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_clipping_changes_nothing_inside_the_range(gaussian_denoiser: Make) -> None:
    denoiser, x_t = gaussian_denoiser(), double(0.2)
    t, s = torch.tensor(0.4).double(), torch.tensor(0.3).double()
    steps = [
        Gaussian(4, 1.0, clip).step(denoiser, x_t, t, s, x_t) for clip in (True, False)
    ]
    torch.testing.assert_close(*steps, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"steps": 5, "eta": -0.1}, "eta must lie between 0 and 1, got -0.1"),
        ({"steps": 5, "eta": 1.1}, "eta must lie between 0 and 1, got 1.1"),
        ({"steps": 5, "eta": math.nan}, "eta must lie between 0 and 1, got nan"),
    ],
)
def test_refused_arguments(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Gaussian(**arguments)
