"""The discrete chain, against the formulas of its papers step by step in float64."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from snowmelt.diffusion.schedules import (
    Betas,
    Chain,
    Cosine,
    CosineBetas,
    Laplace,
    Learned,
    Linear,
    LinearBetas,
    NoiseSchedule,
    ZeroTerminal,
)

SHORT = (0.01, 0.03, 0.2, 0.5)


def cumulative(betas: list[float]) -> list[float]:
    """alpha_bar after each step, by Ho's product."""
    shares, left = [], 1.0
    for beta in betas:
        left *= 1 - beta
        shares.append(left)
    return shares


def after_each_step(schedule: Betas) -> Tensor:
    """The log-SNR at the times of the table."""
    t = torch.arange(1, schedule.steps + 1, dtype=torch.float64) / schedule.steps
    return schedule.log_snr(t)


def close(found: Tensor, expected: Any, rtol: float = 1e-11) -> None:
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=rtol, atol=0)


every_chain = pytest.mark.parametrize(
    "chain",
    [
        Betas(SHORT),
        LinearBetas(),
        LinearBetas(50, 2e-4, 0.015),
        CosineBetas(),
        CosineBetas(4000),
        Chain(Cosine(), 25),
        Chain(Laplace(), 1000),
    ],
    ids=["short", "ho", "ho 50", "cosine", "cosine 4000", "chain", "laplace"],
)


@every_chain
def test_the_share_left_is_hos_product(chain: Betas) -> None:
    shares = cumulative(chain.betas.tolist())
    assert chain.steps == len(chain.betas) == len(shares)
    assert chain.betas.dtype == chain.alpha_bar.dtype == torch.float64
    close(chain.alpha_bar, shares)


@every_chain
def test_step_i_lies_at_the_time_of_i_plus_1(chain: Betas) -> None:
    shares = torch.tensor(cumulative(chain.betas.tolist()), dtype=torch.float64)
    close(torch.sigmoid(after_each_step(chain)), shares)
    # and the noise keeps its digits where almost all is signal
    noise = [chain.betas[0].item()]
    for beta in chain.betas[1:].tolist():
        noise.append(noise[-1] + beta * (1 - noise[-1]))
    close(torch.sigmoid(-after_each_step(chain)), noise)


@every_chain
def test_between_two_steps_the_log_snr_is_straight(chain: Betas) -> None:
    at = after_each_step(chain)
    last = min(chain.steps - 1, 300)
    for share in (0.25, 0.5):
        t = (torch.arange(1, last + 1, dtype=torch.float64) + share) / chain.steps
        expected = (1 - share) * at[:last] + share * at[1 : last + 1]
        torch.testing.assert_close(chain.log_snr(t), expected, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(
            chain.slope(t), chain.steps * at.diff()[:last], rtol=1e-7, atol=0
        )


@every_chain
def test_before_the_first_step_the_first_line_goes_on(chain: Betas) -> None:
    first, second = after_each_step(chain)[:2].tolist()
    t = torch.tensor([0.0, 0.4], dtype=torch.float64)
    found = chain.log_snr(t / chain.steps)
    close(found, [2 * first - second, 1.6 * first - 0.6 * second], rtol=1e-12)


def test_the_slope_at_a_step_is_that_of_the_line_it_begins() -> None:
    chain = Betas(SHORT)
    drops = after_each_step(chain).diff() * 4
    t = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0], dtype=torch.float64)
    close(chain.slope(t), [drops[0], drops[0], drops[1], drops[2], drops[2]])


def test_ho_1000_is_the_papers() -> None:
    chain = LinearBetas()
    expected = [1e-4 + i / 999 * (0.02 - 1e-4) for i in range(1000)]
    close(chain.betas, expected, rtol=1e-13)
    assert chain.steps == 1000
    assert chain.clipped_betas == 0
    assert float(chain.alpha_bar[-1]) == pytest.approx(4.0358e-5, rel=1e-4)


@pytest.mark.parametrize("steps", [100, 250, 4000])
def test_the_ends_scale_with_the_number_of_steps(steps: int) -> None:
    chain = LinearBetas(steps)
    assert chain.steps == steps
    assert float(chain.betas[0]) == pytest.approx(0.1 / steps, rel=1e-12)
    assert float(chain.betas[-1]) == pytest.approx(20.0 / steps, rel=1e-12)
    # Unscaled, 100 steps would keep 0.36. To first order the end does not depend on T.
    at_1000 = math.log(float(LinearBetas().alpha_bar[-1]))
    # log(1 - beta) = -beta - beta^2 / 2 - beta^3 / 3, summed along the straight line
    second = (0.1**2 + 0.1 * 20 + 20**2) / 6 * (1 / steps - 1 / 1000)
    third = (20**4 - 0.1**4) / (12 * 19.9) * (1 / steps**2 - 1 / 1000**2)
    assert math.log(float(chain.alpha_bar[-1])) == pytest.approx(
        at_1000 - second - third, abs=0.02
    )


def test_hos_chain_nears_the_linear_schedule() -> None:
    u = torch.linspace(0.1, 1, 10, dtype=torch.float64)
    continuous = Linear(start=1e-3).log_snr((u - 1e-3) / (1 - 1e-3))
    errors = [
        float((LinearBetas(T).log_snr(u) - continuous).abs().max()) for T in (500, 5000)
    ]
    assert errors[0] < 0.2
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize(("steps", "s", "most"), [(1000, 0.008, 0.999), (50, 0.02, 0.4)])
def test_improved_cosine_is_the_papers(steps: int, s: float, most: float) -> None:
    def f(k: int) -> float:
        return math.cos((k / steps + s) / (1 + s) * math.pi / 2) ** 2

    raw = [1 - f(i + 1) / f(i) for i in range(steps)]
    chain = CosineBetas(steps, offset=s, max_beta=most)
    close(chain.betas, [min(beta, most) for beta in raw], rtol=1e-9)
    assert chain.clipped_betas == sum(beta > most for beta in raw)
    uncut = [i for i, beta in enumerate(raw) if beta <= most]
    close(chain.alpha_bar[uncut], [f(i + 1) / f(0) for i in uncut], rtol=1e-8)


@pytest.mark.parametrize("steps", [1000, 4000])
def test_improved_cosine_cuts_its_last_beta_alone(steps: int) -> None:
    chain = CosineBetas(steps)
    assert chain.clipped_betas == 1
    assert float(chain.betas[-1]) == 0.999
    assert (chain.betas[:-1] < 0.999).all()


def test_what_improved_cosine_leaves_at_its_end() -> None:
    assert CosineBetas().alpha_bar[-1].item() ** -0.5 == pytest.approx(20_291, abs=1)


@pytest.mark.parametrize("steps", [10, 400])
def test_a_chain_reads_its_schedule_after_each_step(steps: int) -> None:
    chain = Chain(Linear(), steps)
    t = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    assert chain.steps == steps
    assert chain.clipped_betas == 0
    close(after_each_step(chain), Linear().log_snr(t), rtol=1e-9)
    # Clean data lies before the first step, not the schedule's own start.
    assert float(chain.betas[0]) == pytest.approx(
        float(torch.sigmoid(-Linear().log_snr(t[0]))), rel=1e-12
    )


def test_a_chain_cuts_its_betas() -> None:
    t = torch.arange(1, 13, dtype=torch.float64) / 12
    alpha_bar = [1.0, *torch.sigmoid(Cosine().log_snr(t)).tolist()]
    raw = [1 - late / early for early, late in itertools.pairwise(alpha_bar)]
    chain = Chain(Cosine(), 12, max_beta=0.3)
    assert chain.clipped_betas == sum(beta > 0.3 for beta in raw)
    assert 1 < chain.clipped_betas < 12
    close(chain.betas, [min(beta, 0.3) for beta in raw], rtol=1e-9)


def test_a_chain_of_a_zero_terminal_ends_in_the_cut() -> None:
    chain = Chain(ZeroTerminal(Linear()), 100)
    assert chain.clipped_betas == 1
    assert not chain.has_zero_terminal_snr
    assert math.isfinite(chain.terminal_log_snr)
    assert float(chain.betas[-1]) == 0.999


@pytest.mark.parametrize(
    ("betas", "said"),
    [
        ([], r"betas must be a list of two or more, got \[\]"),
        ([0.1], r"betas must be a list of two or more, got \[0.1\]"),
        ([[0.1, 0.2]], "betas must be a list of two or more"),
        ([0.1, 0.0], "strictly between 0 and 1, got 0.0 at index 1 of 2"),
        ([0.1, 0.2, 1.0], "strictly between 0 and 1, got 1.0 at index 2 of 3"),
        ([-0.1, 0.2], "got -0.1 at index 0 of 2"),
        ([0.1, math.nan, 0.2], "got nan at index 1 of 3"),
        ([0.1, 1e-30, 0.2], "betas must be large enough to change alpha_bar"),
    ],
)
def test_refused_betas(betas: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Betas(betas)


@pytest.mark.parametrize(
    ("cls", "arguments", "said"),
    [
        (LinearBetas, {"steps": 1}, "steps must be a whole number from 2 up, got 1"),
        (LinearBetas, {"steps": 10.0}, "steps must be a whole number from 2 up, got 10.0"),
        (LinearBetas, {"steps": True}, "steps must be a whole number from 2 up, got True"),
        (LinearBetas, {"steps": 20}, r"steps=20 is too few: 0.02 \* 1000 / 20 must stay"),
        (LinearBetas, {"beta_end": 0.0}, "beta_end must be positive and finite"),
        (LinearBetas, {"beta_start": -1.0}, "beta_start must be positive and finite"),
        (CosineBetas, {"steps": 0}, "steps must be a whole number from 2 up, got 0"),
        (CosineBetas, {"offset": 0.0}, "offset must be positive and finite, got 0.0"),
        (CosineBetas, {"max_beta": 1.0}, "max_beta must lie between 0 and 1, got 1.0"),
        (Chain, {"of": Cosine(), "steps": 1}, "steps must be a whole number from 2 up"),
        (Chain, {"of": Cosine(), "max_beta": 0.0}, "max_beta must lie between 0 and 1"),
        (Chain, {"of": Learned(units=2)}, "of must not be learned, got Learned"),
    ],
)
def test_refused_arguments(
    cls: type[NoiseSchedule], arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        cls(**arguments)
