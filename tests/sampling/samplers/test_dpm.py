"""DPM-Solver++ against the paper's formulas, at both ends of the family and its edges."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from tests.sampling.samplers.exact import MEAN, mixture_denoiser
from tests.sampling.samplers.test_ode import PROCESSES, X, every_process, time
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import Linear, ZeroTerminal
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.dpm import DPM
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.sampler import Memory
from snowmelt.sampling.samplers.thresholds import Clip

LUMPS = ([[-1.0], [0.6]], [0.3, 0.5], [0.4, 0.6])
TIMES = [time(t) for t in (0.9, 0.6, 0.5, 0.3, 0.1)]
every_eta = pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])


def noise(eta: float, number: int = 0) -> Tensor:
    drawn = torch.cos(torch.arange(5, dtype=torch.float64) + 7.0 * number)
    return drawn[None, :, None] if eta else drawn.new_zeros(0, 5, 1)


def paper(denoiser: Denoiser, x: Tensor, stochastic: bool) -> Tensor:
    """The loops of the paper, in lambda = log(alpha / sigma)."""
    process, before = denoiser.process, None
    for number, (t, s) in enumerate(itertools.pairwise(TIMES)):
        alpha, sigma, old = process.alpha(s), process.sigma(s), process.sigma(t)
        half = {u: torch.log(process.alpha(u) / process.sigma(u)) for u in (t, s)}
        h, data = half[s] - half[t], denoiser.x_0(x, t)
        slope = (
            torch.zeros_like(data) if before is None else (data - before[0]) * h / before[1]
        )
        if stochastic:
            fill = alpha * (1 - torch.exp(-2 * h))
            spread = sigma * torch.sqrt(1 - torch.exp(-2 * h))
            x = sigma / old * torch.exp(-h) * x + fill * data + 0.5 * fill * slope
            x = x + spread * noise(1.0, number)[0]
        else:
            x = sigma / old * x - alpha * (torch.exp(-h) - 1) * (data + 0.5 * slope)
        before = data, h
    return x


def run(denoiser: Denoiser, sampler: DPM, x: Tensor) -> Tensor:
    memory: Memory = {}
    for number, (t, s) in enumerate(itertools.pairwise(TIMES)):
        x = sampler.step(denoiser, x, t, s, noise(sampler.eta, number), memory)
    return x


@every_process
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_trajectory_is_the_papers(process: Process, eta: float) -> None:
    denoiser = mixture_denoiser(process, *LUMPS)
    found = run(denoiser, DPM(9, eta), X)
    torch.testing.assert_close(found, paper(denoiser, X, eta == 1.0), rtol=1e-9, atol=1e-10)


@every_process
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_first_step_is_ddim_or_ddpm(process: Process, eta: float) -> None:
    denoiser, (t, s) = mixture_denoiser(process, *LUMPS), TIMES[:2]
    steps = [kind(9, eta).step(denoiser, X, t, s, noise(eta), {}) for kind in (DPM, DDIM)]
    torch.testing.assert_close(*steps, rtol=1e-9, atol=1e-10)


@every_process
@every_eta
def test_a_step_solves_its_equation_where_the_estimate_stays(
    process: Process, eta: float
) -> None:
    # One point: x_0_hat never changes, and the marginal must stay exact at any step.
    denoiser, sampler = mixture_denoiser(process, [[MEAN]], [0.0], [1.0]), DPM(9, eta)
    memory: Memory = {}
    mean, variance = process.alpha(TIMES[0]) * MEAN, process.sigma(TIMES[0]) ** 2
    for t, s in itertools.pairwise(TIMES):
        probes = torch.stack((mean, mean + 1.0, mean))[:, None]
        fresh = torch.tensor([[[0.0], [0.0], [1.0]]]).double()[: sampler.draws]
        x = sampler.step(denoiser, probes, t, s, fresh, memory)[:, 0]
        mean, variance = x[0], (x[1] - x[0]) ** 2 * variance + (x[2] - x[0]) ** 2
        torch.testing.assert_close(mean, process.alpha(s) * MEAN, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(variance, process.sigma(s) ** 2, rtol=1e-9, atol=1e-12)


@every_eta
def test_the_share_of_noise_is_that_of_the_reverse_sde(eta: float) -> None:
    """Over a short step: fresh noise of variance eta^2 g^2 (t - s)."""
    process = PROCESSES["preserving"]
    denoiser, t, s = mixture_denoiser(process, *LUMPS), time(0.5), time(0.5 - 1e-6)
    sampler = DPM(9, eta)
    still = sampler.step(denoiser, X, t, s, 0.0 * noise(eta), {})
    stirred = sampler.step(denoiser, X, t, s, torch.ones_like(noise(eta)), {})
    expected = eta * torch.sqrt(process.diffusion_sq(t) * 1e-6)
    torch.testing.assert_close(
        stirred - still, expected.expand(5, 1), rtol=1e-4, atol=1e-12
    )
    pull = 0.5 * (1 + eta**2) * process.diffusion_sq(t) * denoiser.score(X, t)
    moved = 1e-6 * (process.drift(t) * X - pull)
    torch.testing.assert_close(X - still, moved, rtol=1e-4, atol=1e-10)


@every_eta
def test_no_signal_at_all_is_a_place_to_start_from(eta: float) -> None:
    process = VariancePreserving(ZeroTerminal(Linear()))
    denoiser, sampler = mixture_denoiser(process, *LUMPS), DPM(9, eta)
    t, s, u = time(1.0), time(0.8), time(0.6)
    memory: Memory = {}
    x = sampler.step(denoiser, X, t, s, noise(eta), memory)
    old, fresh = (1.0, 0.0) if eta == 0.0 else (0.0, 1.0)
    drawn = noise(1.0)[0]
    expected = process.alpha(s) * denoiser.x_0(X, t)
    expected = expected + process.sigma(s) * (old * X + fresh * drawn)
    torch.testing.assert_close(x, expected, rtol=1e-12, atol=1e-12)
    # The second step has a predecessor infinitely far away: it is of first order.
    after = sampler.step(denoiser, x, s, u, noise(eta, 1), memory)
    alone = sampler.step(denoiser, x, s, u, noise(eta, 1), {})
    assert torch.equal(after, alone)
    third = sampler.step(denoiser, after, u, time(0.4), noise(eta, 2), memory)
    alone = sampler.step(denoiser, after, u, time(0.4), noise(eta, 2), {})
    assert (third - alone).abs().max() > 1e-3
    drawn = sample(denoiser, DPM(20, eta), torch.arange(50), (1,), seed=0)
    assert drawn.isfinite().all()
    assert drawn.abs().max() < 3.0


def test_the_last_step_is_the_estimate_and_thresholds_are_kept() -> None:
    process, t, s = PROCESSES["preserving"], time(0.4), time(0.3)
    denoiser = mixture_denoiser(process, [[MEAN]], [5.0], [1.0])
    x_t = torch.tensor([[-4.0], [0.1], [4.0]], dtype=torch.float64)
    sampler, memory = DPM(9, threshold=Clip()), {}
    clipped = denoiser.x_0(x_t, t).clamp(-1.0, 1.0)
    torch.testing.assert_close(sampler.last(denoiser, x_t, t), clipped)
    x_s = sampler.step(denoiser, x_t, t, s, x_t[None, :0], memory)
    torch.testing.assert_close(memory["x_0_hat"], clipped)
    ratio = process.sigma(s) / process.sigma(t)
    fill = process.alpha(s) - ratio * process.alpha(t)
    torch.testing.assert_close(x_s, ratio * x_t + fill * clipped)


@every_eta
def test_one_call_of_the_network_a_step(eta: float) -> None:
    denoiser, calls = mixture_denoiser(PROCESSES["preserving"], *LUMPS), []
    denoiser.net.register_forward_hook(lambda *_: calls.append(1))
    sample(denoiser, DPM(7, eta), torch.arange(3), (1,), seed=0)
    assert len(calls) == DPM(7, eta).evaluations == 7
    assert DPM(7, eta).draws == (1 if eta else 0)


@pytest.mark.parametrize("eta", [-0.1, 1.1, math.nan])
def test_refused_arguments(eta: float) -> None:
    with pytest.raises(ValueError, match=f"eta must lie between 0 and 1, got {eta}"):
        DPM(5, eta)
