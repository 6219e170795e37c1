"""Schedules made of another, against their papers and in 60 digits."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import pytest
import torch
from torch import Tensor

from snowmelt.diffusion.schedules import (
    Chain,
    Cosine,
    InputScaled,
    Karras,
    Laplace,
    Learned,
    Linear,
    LinearBetas,
    NoiseSchedule,
    RandomWalk,
    Sigmoid,
    ZeroTerminal,
)

T = torch.linspace(0, 1, 101, dtype=torch.float64)
INNER = {
    "linear": Linear(),
    "cosine": Cosine(),
    "noisy at the data": InputScaled(Cosine(), 0.02),
    "clean at the noise": Cosine(12.0, 3.0),
    "far ends": Cosine(60.0, -60.0),
    "no digits left at the end": Linear(0.1, 1e6),
    "steep ends": Laplace(),
    "walk": RandomWalk(),
    "karras": Karras(),
    "sigmoid": Sigmoid(),
    "table": LinearBetas(),
    "chain": Chain(Cosine(), 30),
}
every_inner = pytest.mark.parametrize("of", INNER.values(), ids=INNER.keys())


def rescaled(alphas_bar_sqrt: Tensor) -> Tensor:
    """Algorithm 1 of the paper, on a table of sqrt(alpha_bar)."""
    first, last = alphas_bar_sqrt[0].clone(), alphas_bar_sqrt[-1].clone()
    return (alphas_bar_sqrt - last) * (first / (first - last))


@every_inner
def test_zero_terminal_is_the_papers(of: NoiseSchedule) -> None:
    expected = rescaled(torch.sigmoid(of.log_snr(T)).sqrt())
    found = torch.sigmoid(ZeroTerminal(of).log_snr(T)).sqrt()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@every_inner
def test_zero_terminal_leaves_the_data_end_as_it_was(of: NoiseSchedule) -> None:
    first = ZeroTerminal(of).log_snr(T[0])
    torch.testing.assert_close(first, of.log_snr(T[0]), rtol=1e-12, atol=1e-12)


@every_inner
def test_zero_terminal_ends_at_zero_exactly_and_there_alone(of: NoiseSchedule) -> None:
    schedule = ZeroTerminal(of)
    assert schedule.has_zero_terminal_snr
    assert schedule.terminal_log_snr == -math.inf
    assert float(schedule.slope(T[-1])) == -math.inf
    assert float(schedule.log_snr(torch.ones(()))) == -math.inf
    near = 1 - 2.0 ** -torch.arange(1, 54, dtype=torch.float64)
    assert schedule.log_snr(near).isfinite().all()
    assert (schedule.log_snr(near).diff() < 0).all()
    assert (schedule.slope(near) < 0).all()


def exact_zero_terminal(t: float) -> float:
    """Algorithm 1 on the linear schedule (1/8, 20, from 1/1024), in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        start = 1 / Decimal(1024)

        def scale(time: Decimal) -> Decimal:
            u = start + (1 - start) * time
            integral = u / 8 + (20 - 1 / Decimal(8)) * u * u / 2
            return (-integral / 2).exp()

        here, first, last = scale(Decimal(t)), scale(Decimal(0)), scale(Decimal(1))
        rescaled = (here - last) * first / (first - last)
        return float((rescaled**2 / (1 - rescaled**2)).ln())


def test_zero_terminal_keeps_its_digits_up_to_the_last_time() -> None:
    schedule = ZeroTerminal(Linear(0.125, 20.0, start=1 / 1024))
    near = 2.0 ** -torch.arange(1, 53, dtype=torch.float64)
    t = torch.cat((near, 1 - near))
    exact = torch.tensor([exact_zero_terminal(float(time)) for time in t])
    # Rounding of the inner curve, 2e-15, over its fall; near the end of what float64 can
    # tell, 2^-40, that fall is 2e-11.
    torch.testing.assert_close(schedule.log_snr(t), exact.double(), rtol=1e-6, atol=3e-4)
    clear = t < 1 - 2.0**-30
    torch.testing.assert_close(
        schedule.log_snr(t[clear]), exact.double()[clear], rtol=1e-7, atol=1e-7
    )


@every_inner
def test_the_signal_of_zero_terminal_falls_at_the_stretched_rate(of: NoiseSchedule) -> None:
    schedule, t = ZeroTerminal(of), T[1:-1] + 0.0037
    scale = torch.sigmoid(schedule.log_snr(t)).sqrt()
    slope = 0.5 * scale * torch.sigmoid(-schedule.log_snr(t)) * schedule.slope(t)
    inner = torch.sigmoid(of.log_snr(t)).sqrt()
    inner_slope = 0.5 * inner * torch.sigmoid(-of.log_snr(t)) * of.slope(t)
    first, last = torch.sigmoid(of.log_snr(T[[0, -1]])).sqrt()
    torch.testing.assert_close(
        slope, inner_slope * first / (first - last), rtol=1e-8, atol=1e-300
    )


def test_a_learned_schedule_is_trained_through_its_transforms() -> None:
    learned = Learned(units=8)
    schedule = ZeroTerminal(InputScaled(learned, 0.7))
    assert set(schedule.parameters()) == set(learned.parameters())
    t = T[:-1]
    (schedule.log_snr(t).sum() + schedule.slope(t).sum()).backward()
    for parameter in learned.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().min() > 0
    assert not list(ZeroTerminal(Cosine()).parameters())


def test_zero_terminal_of_a_learned_schedule_follows_it() -> None:
    learned = Learned(units=8)
    schedule = ZeroTerminal(learned)
    with torch.no_grad():
        learned.raw_height[0] += 10.0
        expected = rescaled(torch.sigmoid(learned.log_snr(T)).sqrt())
        found = torch.sigmoid(schedule.log_snr(T)).sqrt()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [0.1, 0.5, 3.0])
def test_input_scaled_is_chens(scale: float) -> None:
    # x_t = sqrt(gamma) b x_0 + sqrt(1 - gamma) eps
    gamma = torch.sigmoid(Cosine().log_snr(T))
    expected = torch.log(gamma * scale**2 / (1 - gamma))
    torch.testing.assert_close(InputScaled(Cosine(), scale).log_snr(T), expected)
    assert torch.equal(
        InputScaled(Cosine()).log_snr(T), InputScaled(Cosine(), 0.5).log_snr(T)
    )


def test_input_scaled_asks_the_schedule_that_it_scales() -> None:
    walk = RandomWalk()
    schedule = InputScaled(walk, 0.5)
    assert torch.equal(schedule.slope(T), walk.slope(T))
    torch.testing.assert_close(schedule.time(schedule.log_snr(T)), T)
    assert not schedule.has_zero_terminal_snr


def test_input_scaled_keeps_a_zero_terminal() -> None:
    schedule = InputScaled(ZeroTerminal(Cosine()), 0.5)
    assert schedule.has_zero_terminal_snr
    assert schedule.terminal_log_snr == -math.inf


def test_scaling_comes_before_or_after_the_rescaling() -> None:
    before = ZeroTerminal(InputScaled(Cosine(), 0.5)).log_snr(T[:1])
    after = InputScaled(ZeroTerminal(Cosine()), 0.5).log_snr(T[:1])
    torch.testing.assert_close(before, after)


def test_refused_arguments() -> None:
    with pytest.raises(ValueError, match="of has zero terminal SNR already, got ZeroTerm"):
        ZeroTerminal(ZeroTerminal(Cosine()))
    for scale in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match=f"scale must be positive .* got {scale}"):
            InputScaled(Cosine(), scale)
