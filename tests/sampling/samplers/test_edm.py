"""EDM's sampler against the paper's algorithms, written out in the paper's coordinates."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from tests.sampling.samplers.exact import MEAN, mixture_denoiser
from tests.sampling.samplers.test_ode import NO_NOISE, PROCESSES, X, every_process, time
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import Linear, ZeroTerminal
from snowmelt.sampling.samplers.edm import EDM
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.thresholds import Clip

LUMPS = ([[-1.0], [0.6]], [0.3, 0.5], [0.4, 0.6])
Z = torch.linspace(1.5, -0.9, 5, dtype=torch.float64)[None, :, None]


def level(process: Process, t: Tensor) -> Tensor:
    return process.sigma(t) / process.alpha(t)


def denoised(denoiser: Denoiser, y: Tensor, sigma: Tensor) -> Tensor:
    """D(y; sigma) of the paper."""
    process = denoiser.process
    t = process.time(-2.0 * sigma.log())
    return denoiser.x_0(process.alpha(t) * y, t)


def paper(
    denoiser: Denoiser, y: Tensor, now: Tensor, after: Tensor, gamma: float, noise: Tensor
) -> Tensor:
    """One pass of the loop of algorithm 2; the noise has its scale already."""
    raised = now + gamma * now
    y = y + (raised**2 - now**2).sqrt() * noise
    first = (y - denoised(denoiser, y, raised)) / raised
    euler = y + (after - raised) * first
    second = (euler - denoised(denoiser, euler, after)) / after
    return y + (after - raised) * (0.5 * first + 0.5 * second)


@every_process
@pytest.mark.parametrize("ends", [(0.9, 0.7), (0.5, 0.4), (0.2, 0.02)])
def test_without_churn_it_is_algorithm_1(
    process: Process, ends: tuple[float, float]
) -> None:
    denoiser, (t, s) = mixture_denoiser(process, *LUMPS), map(time, ends)
    now, after = level(process, t), level(process, s)
    expected = paper(denoiser, X / process.alpha(t), now, after, 0.0, Z[0])
    found = EDM(9).step(denoiser, X, t, s, NO_NOISE, {})
    torch.testing.assert_close(found, process.alpha(s) * expected, rtol=1e-8, atol=1e-9)


@every_process
@pytest.mark.parametrize(("churn", "gamma"), [(2.0, 0.2), (50.0, math.sqrt(2) - 1)])
def test_with_churn_it_is_algorithm_2(process: Process, churn: float, gamma: float) -> None:
    denoiser, t, s = mixture_denoiser(process, *LUMPS), time(0.5), time(0.4)
    now, after = level(process, t), level(process, s)
    expected = paper(denoiser, X / process.alpha(t), now, after, gamma, 1.007 * Z[0])
    sampler = EDM(10, churn=churn, noise_scale=1.007)
    found = sampler.step(denoiser, X, t, s, Z, {})
    torch.testing.assert_close(found, process.alpha(s) * expected, rtol=1e-7, atol=1e-8)


@every_process
def test_churn_has_a_range_and_the_schedule_an_end(process: Process) -> None:
    denoiser, t, s = mixture_denoiser(process, *LUMPS), time(0.5), time(0.4)
    now = float(level(process, t))
    plain = EDM(10).step(denoiser, X, t, s, NO_NOISE, {})

    def moved(at: Tensor, **limits: float) -> Tensor:
        return EDM(10, churn=3.0, **limits).step(denoiser, X, at, s, Z, {})

    for limits in ({"churn_min": 1.01 * now}, {"churn_max": 0.99 * now}):
        torch.testing.assert_close(moved(t, **limits), plain, rtol=1e-9, atol=1e-12)
    inside = moved(t, churn_min=0.99 * now, churn_max=1.01 * now)
    assert torch.equal(inside, moved(t))
    assert (inside - plain).abs().max() > 0.01
    # Nothing is noisier than t = 1.
    plain = EDM(10).step(denoiser, X, time(1.0), s, NO_NOISE, {})
    torch.testing.assert_close(moved(time(1.0)), plain, rtol=1e-9, atol=1e-9)
    capped = EDM(10, churn=100.0)._raised(process, time(0.999))
    assert 0.999 < float(capped) <= 1.0


@every_process
def test_data_of_one_point_is_found_in_any_number_of_steps(process: Process) -> None:
    denoiser = mixture_denoiser(process, [[MEAN]], [0.0], [1.0])
    for churn in (0.0, 3.0):
        sampler = EDM(4, churn=churn)
        times = sampler.times(process)
        spread = torch.tensor([[-1.0], [2.0]], dtype=torch.float64)
        x = process.alpha(times[0]) * MEAN + process.sigma(times[0]) * spread
        still = torch.zeros(sampler.draws, *x.shape, dtype=torch.float64)
        for t, s in itertools.pairwise(times):
            up = sampler._raised(process, t) if churn else t
            x = sampler.step(denoiser, x, t, s, still, {})
            spread = spread * level(process, t) / level(process, up)
            expected = process.alpha(s) * MEAN + process.sigma(s) * spread
            torch.testing.assert_close(x, expected, rtol=1e-8, atol=1e-9)


def test_a_threshold_bends_the_step() -> None:
    process, t, s = PROCESSES["preserving"], time(0.4), time(0.3)
    denoiser = mixture_denoiser(process, [[MEAN]], [5.0], [1.0])
    x_t = torch.tensor([[-4.0], [0.1], [4.0]], dtype=torch.float64)
    samplers = EDM(7), EDM(7, threshold=Clip())
    free, held = (y.step(denoiser, x_t, t, s, x_t[None, :0], {}) for y in samplers)
    assert torch.equal(free[1], held[1])
    assert (free - held)[[0, 2]].abs().min() > 1e-3


def test_both_slopes_keep_to_the_threshold() -> None:
    process, t, s = PROCESSES["preserving"], time(0.4), time(0.3)
    denoiser = mixture_denoiser(process, [[MEAN]], [5.0], [1.0])
    y, keep = X * 2.0 / process.alpha(t), process.alpha(s)

    def slope(y: Tensor, at: Tensor) -> Tensor:
        x_0 = denoiser.x_0(process.alpha(at) * y, at).clamp(-1.0, 1.0)
        return (y - x_0) / level(process, at)

    length = level(process, s) - level(process, t)
    euler = y + length * slope(y, t)
    expected = keep * (y + 0.5 * length * (slope(y, t) + slope(euler, s)))
    found = EDM(7, threshold=Clip()).step(denoiser, 2.0 * X, t, s, NO_NOISE, {})
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)


def test_calls_are_two_a_step() -> None:
    denoiser, calls = mixture_denoiser(PROCESSES["preserving"], *LUMPS), []
    denoiser.net.register_forward_hook(lambda *_: calls.append(1))
    for churn, draws in ((0.0, 0), (1.0, 1)):
        calls.clear()
        sampler = EDM(7, churn=churn)
        assert sampler.draws == draws
        sample(denoiser, sampler, torch.arange(3), (1,), seed=0)
        assert len(calls) == sampler.evaluations == 13


def test_an_infinite_level_is_refused() -> None:
    with pytest.raises(ValueError, match="EDM needs the slope"):
        EDM(7).times(VariancePreserving(ZeroTerminal(Linear())))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"steps": 5, "churn": -1.0}, "churn must be at least 0 and finite, got -1.0"),
        ({"steps": 5, "churn": math.nan}, "churn must be at least 0 and finite, got nan"),
        ({"steps": 5, "noise_scale": -1.0}, "noise_scale must be at least 0"),
        ({"steps": 5, "churn_min": -1.0}, "churn_min must be at least 0"),
        (
            {"steps": 5, "churn_min": 2.0, "churn_max": 2.0},
            "below churn_max, got 2.0 and 2.0",
        ),
    ],
)
def test_refused_arguments(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        EDM(**arguments)
