"""Euler and Heun on the probability-flow ODE: the slope, the rules, and the exact flow."""

from __future__ import annotations

import pytest
import torch
from tests.sampling.samplers.exact import (
    MEAN,
    gaussian_denoiser,
    marginal,
    mixture_denoiser,
)
from torch import Tensor

from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Linear, ZeroTerminal
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.ode import Euler, Heun, slope
from snowmelt.sampling.samplers.thresholds import Clip

PROCESSES: dict[str, Process] = {
    "preserving": VariancePreserving(Linear()),
    "exploding": VarianceExploding(Cosine()),
    "sub": SubVariancePreserving(Cosine()),
}
every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
X = torch.linspace(-2.0, 2.0, 5, dtype=torch.float64)[:, None]
NO_NOISE = X.new_zeros(0, *X.shape)


def time(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def flow(process: Process, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """The exact solution on Gaussian data: the quantile stays what it is."""
    (mean_t, std_t), (mean_s, std_s) = marginal(process, t), marginal(process, s)
    return mean_s + std_s / std_t * (x_t - mean_t)


@every_process
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_the_slope_is_that_of_song_and_of_the_exact_flow(
    process: Process, at: float
) -> None:
    t, denoiser = time(at), gaussian_denoiser(process)
    found = slope(process, X, denoiser.eps(X, t), t)
    half = 0.5 * process.diffusion_sq(t)
    expected = process.drift(t) * X - half * denoiser.score(X, t)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    h = 1e-6
    ahead, behind = flow(process, X, t, t + h), flow(process, X, t, t - h)
    torch.testing.assert_close(found, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-6)


@every_process
def test_steps_are_the_textbooks_rules(process: Process) -> None:
    t, s, denoiser = time(0.5), time(0.4), gaussian_denoiser(process)

    def rate(x: Tensor, at: Tensor) -> Tensor:
        return process.drift(at) * x - 0.5 * process.diffusion_sq(at) * denoiser.score(
            x, at
        )

    guess = X - 0.1 * rate(X, t)
    found = Euler(9).step(denoiser, X, t, s, NO_NOISE, {})
    torch.testing.assert_close(found, guess, rtol=1e-10, atol=1e-12)
    mean = 0.5 * (rate(X, t) + rate(guess, s))
    found = Heun(9).step(denoiser, X, t, s, NO_NOISE, {})
    torch.testing.assert_close(found, X - 0.1 * mean, rtol=1e-10, atol=1e-12)


@every_process
@pytest.mark.parametrize(("kind", "power"), [(Euler, 2), (Heun, 3)])
def test_one_step_errs_by_a_power_of_its_length(
    process: Process, kind: type[Euler], power: int
) -> None:
    t, denoiser, lost = time(0.6), gaussian_denoiser(process), []
    for length in (0.004, 0.002):
        s = t - length
        found = kind(9).step(denoiser, X, t, s, NO_NOISE, {})
        lost.append(float((found - flow(process, X, t, s)).norm()))
    assert lost[0] / lost[1] == pytest.approx(2**power, rel=0.05)


@pytest.mark.parametrize("kind", [Euler, Heun])
def test_a_threshold_bends_the_slope(kind: type[Euler]) -> None:
    process, t, s = PROCESSES["preserving"], time(0.4), time(0.3)
    denoiser = mixture_denoiser(process, [[MEAN]], [5.0], [1.0])
    x_t = torch.tensor([[-4.0], [0.1], [4.0]], dtype=torch.float64)
    free, held = kind(9), kind(9, threshold=Clip())
    moved = [y.step(denoiser, x_t, t, s, x_t[None, :0], {}) for y in (free, held)]
    torch.testing.assert_close(moved[0][1], moved[1][1])
    assert (moved[0] - moved[1])[[0, 2]].abs().min() > 1e-3
    if kind is Heun:
        return
    # What was cut off the data is noise now.
    x_0 = denoiser.x_0(x_t, t).clamp(-1.0, 1.0)
    eps = (x_t - process.alpha(t) * x_0) / process.sigma(t)
    expected = x_t - 0.1 * slope(process, x_t, eps, t)
    torch.testing.assert_close(moved[1], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [Euler, Heun])
def test_the_network_is_called_as_often_as_declared(kind: type[Euler]) -> None:
    denoiser, calls = gaussian_denoiser(PROCESSES["preserving"]), []
    denoiser.net.register_forward_hook(lambda *_: calls.append(1))
    sample(denoiser, kind(7), torch.arange(3), (1,), seed=0)
    assert len(calls) == kind(7).evaluations == {Euler: 7, Heun: 13}[kind]
    assert kind.draws == 0


@pytest.mark.parametrize("kind", [Euler, Heun])
def test_an_infinite_slope_is_refused(kind: type[Euler]) -> None:
    process = VariancePreserving(ZeroTerminal(Linear()))
    with pytest.raises(ValueError, match=f"{kind.__name__} needs the slope"):
        kind(7).times(process)
