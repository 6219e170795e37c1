"""Variances of a reverse step: against Ho's table, and what each is exact for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from tests.sampling.samplers.exact import moments
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, LinearBetas
from snowmelt.sampling.samplers.ancestral_variances import FixedLarge, FixedSmall, Learned
from snowmelt.sampling.samplers.ddim import DDIM

Make = Callable[..., Denoiser]


def test_the_tables_of_ho() -> None:
    steps = 50
    betas = torch.linspace(1e-4, 0.02, steps, dtype=torch.float64) * 1000 / steps
    alpha_bar = torch.cumprod(1 - betas, 0)
    process, x = VariancePreserving(LinearBetas(steps)), torch.zeros(2, 3).double()
    for k in range(1, steps):
        t, s = torch.tensor([(k + 1) / steps, k / steps], dtype=torch.float64)
        tilde = (1 - alpha_bar[k - 1]) / (1 - alpha_bar[k]) * betas[k]
        small = FixedSmall().std(process, t, s, x, None)
        large = FixedLarge().std(process, t, s, x, None)
        torch.testing.assert_close(small, tilde.sqrt(), rtol=1e-9, atol=0)
        torch.testing.assert_close(large, betas[k].sqrt(), rtol=1e-9, atol=0)


def test_a_learned_share_lies_between_on_a_scale_of_logarithms() -> None:
    process = VarianceExploding(Geometric(0.1, 10.0))
    t, s = torch.tensor([0.8, 0.3], dtype=torch.float64)
    share = torch.tensor([[0.0, 1.0], [0.5, 0.25]], dtype=torch.float64)
    found = Learned().std(process, t, s, share, share)
    now, before = float(process.sigma(t)) ** 2, float(process.sigma(s)) ** 2
    large, small = now - before, before * (now - before) / now
    logs = [v * math.log(large) + (1 - v) * math.log(small) for v in (0, 1, 0.5, 0.25)]
    assert found.flatten().tolist() == pytest.approx([math.exp(0.5 * log) for log in logs])


def test_a_learned_variance_keeps_the_precision_of_the_state() -> None:
    process, x = VariancePreserving(Cosine()), torch.zeros(2, 3)
    t, s = torch.tensor([0.5, 0.4], dtype=torch.float64)
    assert Learned().std(process, t, s, x, x + 0.5).dtype == torch.float32
    for rule in (FixedSmall(), FixedLarge()):
        assert rule.std(process, t, s, x, None).dtype == torch.float32


def test_the_large_variance_is_exact_for_white_noise(gaussian_denoiser: Make) -> None:
    # The small one is exact for a single point: see the test of the family.
    denoiser = gaussian_denoiser(mean=0.0, std=1.0)
    sampler = DDIM(5, eta=1.0, variance=FixedLarge())
    variance = 1.0
    for t, s in itertools.pairwise(sampler.times(denoiser.process)):
        x, z = torch.tensor([[0.0, 1, 0], [0, 0, 1]], dtype=torch.float64)[..., None]
        out = sampler.step(denoiser, x, t, s, z[None], {}).flatten()
        variance = float(out[1]) ** 2 * variance + float(out[2]) ** 2
        assert float(out[0]) == pytest.approx(0, abs=1e-12)
        assert variance == pytest.approx(1.0, rel=1e-9)


def test_with_the_right_share_a_few_steps_are_exact(gaussian_denoiser: Make) -> None:
    # Between the two bounds lies the true variance of x_s given x_t, whatever the data.
    std, mean, sampler = 0.6, 0.3, DDIM(4, eta=1.0, variance=Learned())
    process = VariancePreserving(Cosine())

    def spread(t: Tensor) -> float:
        return float(process.alpha(t) ** 2 * std**2 + process.sigma(t) ** 2)

    times = sampler.times(process)
    found = spread(times[0])
    centre = float(process.alpha(times[0])) * mean
    for t, s in itertools.pairwise(times):
        shared = float(process.alpha(t) / process.alpha(s)) * spread(s)
        true = spread(s) - shared**2 / spread(t)
        small = float(process.posterior_variance(t, s))
        large = float(process.transition_variance(s, t))
        share = math.log(true / small) / math.log(large / small)
        assert 0 < share < 1
        denoiser = gaussian_denoiser(process, V(), mean, std, share=share)
        x, z = torch.tensor([[0.0, 1, 0], [0, 0, 1]], dtype=torch.float64)[..., None]
        out = sampler.step(denoiser, x, t, s, z[None], {}).flatten()
        a, c = float(out[1] - out[0]), float(out[2] - out[0])
        centre, found = a * centre + float(out[0]), a**2 * found + c**2
        assert centre == pytest.approx(float(process.alpha(s)) * mean, abs=1e-8)
        assert found == pytest.approx(spread(s), rel=1e-8)


def test_few_steps_spread_too_little_with_the_small_and_too_much_with_the_large(
    gaussian_denoiser: Make,
) -> None:
    denoiser = gaussian_denoiser()
    stds = [
        moments(denoiser, DDIM(10, eta=1.0, variance=rule))[1]
        for rule in (FixedSmall(), FixedLarge())
    ]
    end = torch.tensor(0.1, dtype=torch.float64)
    true = math.hypot(
        0.6 * float(denoiser.process.alpha(end)), float(denoiser.process.sigma(end))
    )
    assert stds[0] < true < stds[1]


def test_a_learned_variance_without_a_share_is_refused() -> None:
    t, s = torch.tensor([0.5, 0.4], dtype=torch.float64)
    with pytest.raises(ValueError, match="needs the network's share, got none"):
        Learned().std(VariancePreserving(Cosine()), t, s, torch.zeros(2, 3), None)
