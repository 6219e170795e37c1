"""Schedules by their beta, against the betas as printed and their discrete chains."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from snowmelt.diffusion.schedules import (
    BetaSchedule,
    BetaSigmoid,
    Exponential,
    Linear,
    Quadratic,
)

NAN, INF = math.nan, math.inf
START = 0.004


def linear(u: Tensor) -> Tensor:
    return 0.3 + u * (12.0 - 0.3)


def scaled_linear(u: Tensor) -> Tensor:
    return (0.3**0.5 + u * (12.0**0.5 - 0.3**0.5)) ** 2


def sigmoid(u: Tensor) -> Tensor:
    return torch.sigmoid(-6 + 12 * u) * (12.0 - 0.3) + 0.3


def constant(u: Tensor) -> Tensor:
    return 0 * u + 9.0


every_rate = pytest.mark.parametrize(
    ("schedule", "beta"),
    [
        (Linear(0.3, 12.0, start=START), linear),
        (Quadratic(0.3, 12.0, start=START), scaled_linear),
        (BetaSigmoid(0.3, 12.0, start=START), sigmoid),
        (Exponential(9.0, start=START), constant),
    ],
    ids=["linear", "quadratic", "sigmoid", "exponential"],
)


def simpson(f: Callable[[Tensor], Tensor], end: float, pieces: int = 400) -> float:
    """The integral of `f` from 0 to `end`."""
    u = torch.linspace(0, end, 2 * pieces + 1, dtype=torch.float64)
    weights = torch.ones_like(u)
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    return float((weights * f(u)).sum() * end / (6 * pieces))


@every_rate
def test_the_share_left_decays_by_the_integral_of_the_rate(
    schedule: BetaSchedule, beta: Callable[[Tensor], Tensor]
) -> None:
    for t in (0.0, 1e-3, 0.2, 0.5, 0.83, 1.0):
        log_likelihood = logsigmoid(schedule.log_snr(torch.tensor(t, dtype=torch.float64)))
        integral = simpson(beta, START + (1 - START) * t)
        assert float(log_likelihood) == pytest.approx(-integral, rel=1e-9)


@every_rate
def test_the_rate_is_the_one_printed(
    schedule: BetaSchedule, beta: Callable[[Tensor], Tensor]
) -> None:
    u = torch.linspace(0, 1, 11, dtype=torch.float64)
    torch.testing.assert_close(schedule.beta(u), beta(u), rtol=1e-12, atol=0)


@every_rate
def test_the_log_share_falls_at_that_rate(
    schedule: BetaSchedule, beta: Callable[[Tensor], Tensor]
) -> None:
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    left = torch.sigmoid(-schedule.log_snr(t))  # d log S(x) / dx
    u = START + (1 - START) * t
    torch.testing.assert_close(
        -left * schedule.slope(t), (1 - START) * beta(u), rtol=1e-9, atol=0
    )


@every_rate
def test_the_curve_is_the_limit_of_the_discrete_chain(
    schedule: BetaSchedule, beta: Callable[[Tensor], Tensor]
) -> None:
    errors = []
    for steps in (1_000, 10_000, 100_000):
        u = torch.arange(1, steps + 1, dtype=torch.float64) / steps
        betas = beta(torch.linspace(0, 1, steps, dtype=torch.float64)) / steps
        log_alpha_bar = torch.log1p(-betas).cumsum(0)
        kept = u >= START
        exact = logsigmoid(schedule.log_snr((u[kept] - START) / (1 - START)))
        errors.append(float((exact - log_alpha_bar[kept]).abs().max()))
    assert errors[0] < 0.1
    for coarse, fine in itertools.pairwise(errors):
        # First order: ten times the steps, a tenth of the difference.
        assert coarse / fine == pytest.approx(10, rel=0.05)


def test_no_digits_are_lost_at_the_data() -> None:
    # There the integral is start * beta_0 to first order, and so is the sigmoid's.
    for schedule in (Linear(0.1, 20.0, 1e-9), Quadratic(0.1, 20.0, 1e-9)):
        assert float(schedule.log_snr(torch.zeros(()))) == pytest.approx(
            -math.log(0.1e-9), rel=1e-6
        )
    first = 0.1 + 19.9 / (1 + math.exp(6))
    log_snr = BetaSigmoid(0.1, 20.0, 1e-9).log_snr(torch.zeros((), dtype=torch.float64))
    assert float(log_snr) == pytest.approx(-math.log(first * 1e-9), rel=1e-9)


def test_equal_ends_are_a_constant_rate() -> None:
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    expected = Exponential(5.0, 0.01).log_snr(t)
    for cls in (Linear, Quadratic, BetaSigmoid):
        torch.testing.assert_close(cls(5.0, 5.0, 0.01).log_snr(t), expected)


def test_defaults() -> None:
    for cls in (Linear, Quadratic, BetaSigmoid):
        schedule = cls()
        assert (schedule.beta_start, schedule.beta_end, schedule.start) == (0.1, 20.0, 1e-3)
    assert (Exponential().constant, Exponential().start) == (12.0, 1e-4)


def test_a_huge_rate_is_no_overflow() -> None:
    for dtype in (torch.float32, torch.float64):
        end = Linear(0.1, 1e6).log_snr(torch.ones((), dtype=dtype))
        assert float(end) == pytest.approx(-(0.1 + 1e6) / 2)


@pytest.mark.parametrize("cls", [Linear, Quadratic, BetaSigmoid])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"beta_start": 0.0}, "beta_start must be positive and finite, got 0.0"),
        ({"beta_start": NAN}, "beta_start must be positive and finite, got nan"),
        ({"beta_end": -1.0}, "beta_end must be positive and finite, got -1.0"),
        ({"beta_end": INF}, "beta_end must be positive and finite, got inf"),
        ({"start": 0.0}, "start must lie between 0 and 1, got 0.0"),
        ({"start": 1.0}, "start must lie between 0 and 1, got 1.0"),
        ({"start": NAN}, "start must lie between 0 and 1, got nan"),
        ({"beta_start": 1e-300, "start": 1e-300}, "too extreme"),
        ({"beta_end": 1e300}, "too extreme"),
    ],
)
def test_refused_arguments(cls: Any, arguments: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cls(**arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"rate": 0.0}, "rate must be positive and finite, got 0.0"),
        ({"rate": INF}, "rate must be positive and finite, got inf"),
        ({"start": -0.1}, "start must lie between 0 and 1, got -0.1"),
        ({"rate": 1e-60}, "too extreme"),
    ],
)
def test_refused_arguments_of_a_constant_rate(
    arguments: dict[str, float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Exponential(**arguments)
