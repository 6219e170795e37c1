"""Euler-Maruyama: against the equations of each process, and towards the truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.sampling.samplers import exact
from tests.sampling.samplers.exact import Between

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Geometric, Linear, ZeroTerminal
from snowmelt.sampling.samplers.ode import Euler
from snowmelt.sampling.samplers.sde import EulerMaruyama
from snowmelt.sampling.samplers.thresholds import Clip

Make = Callable[..., Denoiser]
Rates = Callable[[float], tuple[float, float]]
every_eta = pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, 1.4])
BETA_0, BETA_1, START = 0.1, 20.0, 1e-3


def preserving(t: float) -> tuple[float, float]:
    """f and g^2 of dx = -beta/2 x dt + sqrt(beta) dW."""
    u = START + (1 - START) * t
    beta = (1 - START) * (BETA_0 + u * (BETA_1 - BETA_0))
    return -0.5 * beta, beta


def below_preserving(t: float) -> tuple[float, float]:
    """g^2 = beta (1 - exp(-2 B)): Song et al., eq. 29."""
    u = START + (1 - START) * t
    drift, beta = preserving(t)
    whole = BETA_0 * u + 0.5 * (BETA_1 - BETA_0) * u**2
    return drift, beta * -math.expm1(-2 * whole)


def exploding(t: float) -> tuple[float, float]:
    """g^2 = d sigma^2 / dt for sigma = 0.01 * 5000^t."""
    return 0.0, 2 * math.log(5000) * (0.01 * 5000**t) ** 2


CASES: list[tuple[Process, Rates]] = [
    (VariancePreserving(Linear(BETA_0, BETA_1, START)), preserving),
    (SubVariancePreserving(Linear(BETA_0, BETA_1, START)), below_preserving),
    (VarianceExploding(Geometric(0.01, 50.0)), exploding),
]
every_process = pytest.mark.parametrize(
    ("process", "rates"), CASES, ids=["vp", "sub", "ve"]
)


@every_process
@every_eta
def test_each_step_is_that_of_the_reverse_equation(
    process: Process, rates: Rates, eta: float, gaussian_denoiser: Make
) -> None:
    denoiser, sampler = gaussian_denoiser(process), EulerMaruyama(10, eta)
    x_t = torch.tensor([[0.8], [-2.0]], dtype=torch.float64)
    z = torch.tensor([[-1.3], [0.4]], dtype=torch.float64)
    noise = z[None] if sampler.draws else z[None][:0]
    for time in (1.0, 0.6, 0.2):
        t, s = torch.tensor([time, time - 0.07], dtype=torch.float64)
        drift, spread = rates(time)
        alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
        score = -(x_t - alpha * 0.3) / ((alpha * 0.6) ** 2 + sigma**2)
        back = drift * x_t - 0.5 * (1 + eta**2) * spread * score
        expected = x_t - 0.07 * back + eta * math.sqrt(0.07 * spread) * z
        found = sampler.step(denoiser, x_t, t, s, noise, {})
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)


@every_process
def test_without_noise_it_is_eulers_rule(
    process: Process, rates: Rates, gaussian_denoiser: Make
) -> None:
    denoiser, x_t = gaussian_denoiser(process, V()), torch.linspace(-2, 2, 5)[:, None]
    t, s = torch.tensor([0.6, 0.5], dtype=torch.float64)
    none = torch.zeros(0, 5, 1)
    kinds = (EulerMaruyama(4, 0.0), Euler(4))
    found = [kind.step(denoiser, x_t, t, s, none, {}) for kind in kinds]
    torch.testing.assert_close(*found)
    assert EulerMaruyama(4, 0.0).draws == 0
    assert EulerMaruyama(4, 0.1).draws == 1


@every_eta
def test_the_declared_order_is_what_one_measures(eta: float) -> None:
    denoiser = exact.gaussian_denoiser(VariancePreserving(Linear()))
    counts = [65, 129, 257]
    errors = [
        exact.error(denoiser, EulerMaruyama(count, eta, grid=Between(1.0, 0.1)))
        for count in counts
    ]
    slope = np.polyfit(np.log([count - 1 for count in counts]), np.log(errors), 1)[0]
    assert -slope == pytest.approx(EulerMaruyama.order, abs=0.2)
    assert errors[-1] < 0.02


def test_estimates_are_thresholded(gaussian_denoiser: Make) -> None:
    denoiser = gaussian_denoiser(mean=0.0, std=5.0)
    t, s = torch.tensor([0.4, 0.3], dtype=torch.float64)
    x_t, none = torch.tensor([[4.0]]).double(), torch.zeros(0, 1, 1).double()
    process, sampler = denoiser.process, EulerMaruyama(4, 0.0, threshold=Clip())
    score = -(x_t - process.alpha(t)) / process.sigma(t) ** 2
    back = process.drift(t) * x_t - 0.5 * process.diffusion_sq(t) * score
    found = sampler.step(denoiser, x_t, t, s, none, {})
    torch.testing.assert_close(found, x_t - 0.1 * back)


def test_zero_terminal_snr_is_refused_with_the_reason() -> None:
    process = VariancePreserving(ZeroTerminal(Linear()))
    with pytest.raises(ValueError, match="EulerMaruyama needs the slope of the log-SNR"):
        EulerMaruyama(10).times(process)


@pytest.mark.parametrize("eta", [-0.1, math.nan, math.inf])
def test_an_eta_out_of_range_is_refused(eta: float) -> None:
    with pytest.raises(ValueError, match="eta must be at least 0 and finite, got"):
        EulerMaruyama(5, eta)
