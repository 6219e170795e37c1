"""The variational bound: by its divergences, by its limit, and on Gaussian data."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from tests.diffusion.losses.networks import PREDICTIONS, Straight, answering, batch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from snowmelt.diffusion.losses import VLB, DiscreteVLB
from snowmelt.diffusion.losses.loss import Weighted
from snowmelt.diffusion.losses.vlb import chain_step, snr_drop
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, ZeroTerminal

PROCESSES: list[Process] = [
    VariancePreserving(Cosine()),
    VarianceExploding(Straight(8.0, -8.0)),
    SubVariancePreserving(Cosine()),
]
every_process = pytest.mark.parametrize(
    "process", PROCESSES, ids=lambda p: type(p).__name__
)
every_prediction = pytest.mark.parametrize("name", PREDICTIONS)


@every_process
@every_prediction
def test_a_continuous_loss_is_half_the_slope_times_the_error_of_the_noise(
    process: Process, name: str
) -> None:
    x_0, t, eps = batch((3,), dtype=torch.float64)
    x_t = process.perturb(x_0, t, eps)
    x_0_hat = x_0 + 0.2 * torch.cos(5 * x_0)
    found = VLB()(answering(name, process, x_0_hat, x_t, t), x_0, t, eps)
    eps_hat = (x_t - process.alpha(t)[:, None] * x_0_hat) / process.sigma(t)[:, None]
    nearby = 1e-5
    fall = (process.log_snr(t - nearby) - process.log_snr(t + nearby)) / (2 * nearby)
    expected = 0.5 * fall * (eps - eps_hat).square().mean(1)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@every_process
@every_prediction
@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
def test_a_step_costs_the_divergence_of_its_two_normals(
    process: Process, name: str, steps: int
) -> None:
    number = torch.tensor([1, (steps + 1) // 2, steps], dtype=torch.float64)
    t, s = number / steps, (number - 1) / steps
    x_0, _, eps = batch((3,), len(t), torch.float64)
    x_t, x_0_hat = process.perturb(x_0, t, eps), x_0 + 0.2 * torch.cos(5 * x_0)
    found = DiscreteVLB(steps)(answering(name, process, x_0_hat, x_t, t), x_0, t, eps)
    mean, variance = process.posterior(x_t, x_0, t, s)
    guessed, _ = process.posterior(x_t, x_0_hat, t, s)
    std = variance.sqrt().expand(mean.shape)
    expected = steps * kl_divergence(Normal(mean, std), Normal(guessed, std)).mean(1)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def mean_over_gaussian_data(
    loss: Weighted, process: Process, t: Tensor, std: float, name: str = "v"
) -> Tensor:
    """The mean over normal data and noise, of the exact denoiser, at each time.

    The loss is a square of what is linear in (x_0, eps); over the four points
    (+-sqrt 2, 0), (0, +-sqrt 2) such a square has the mean that it has over normals.
    """
    total = torch.zeros_like(t)
    for data, noise in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        x_0 = torch.full((len(t), 1), data * std * math.sqrt(2), dtype=torch.float64)
        eps = torch.full_like(x_0, noise * math.sqrt(2))
        used = loss.rounded(t)
        x_t = process.perturb(x_0, used, eps)
        alpha, sigma = process.alpha(used)[:, None], process.sigma(used)[:, None]
        x_0_hat = alpha * std**2 / (alpha**2 * std**2 + sigma**2) * x_t
        denoiser = answering(name, process, x_0_hat, x_t, used)
        total += 0.25 * loss(denoiser, x_0, t, eps)
    return total


def closed_form(process: Process, std: float) -> float:
    """Half the integral of the posterior's variance over the SNR."""
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    first, last = process.log_snr(ends).exp().tolist()
    return 0.5 * (math.log1p(std**2 * first) - math.log1p(std**2 * last))


@every_process
@pytest.mark.parametrize("std", [0.3, 1.0, 2.0])
def test_the_bound_of_gaussian_data_is_a_logarithm(process: Process, std: float) -> None:
    middles = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    found = mean_over_gaussian_data(VLB(), process, middles, std).mean()
    assert float(found) == pytest.approx(closed_form(process, std), rel=1e-4)


@every_process
def test_a_finer_chain_comes_closer_from_above(process: Process) -> None:
    limit, excess = closed_form(process, 1.0), []
    for steps in (4000, 8000, 16000, 32000):
        t = (torch.arange(steps, dtype=torch.float64) + 1) / steps
        loss = mean_over_gaussian_data(DiscreteVLB(steps), process, t, 1.0)
        excess.append(float(loss.mean()) - limit)
    assert all(value > 0 for value in excess)
    for coarse, fine in itertools.pairwise(excess):
        # Of the first order: half the step, half the excess.
        assert coarse / fine == pytest.approx(2.0, abs=0.1)


def test_the_two_ends_alone_decide_the_continuous_bound() -> None:
    middles = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    found = []
    for schedule in (Cosine(8.0, -8.0), Straight(8.0, -8.0)):
        process = VariancePreserving(schedule)
        found.append(float(mean_over_gaussian_data(VLB(), process, middles, 1.0).mean()))
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_where_no_signal_is_left_the_weight_tends_to_zero() -> None:
    process = VariancePreserving(ZeroTerminal(Cosine()))
    t = 1 - torch.tensor([1e-2, 1e-3, 1e-4, 0.0], dtype=torch.float64)
    weights = VLB().x_0_weight(process, t)
    assert weights[-1] == 0
    assert weights.tolist() == sorted(weights.tolist(), reverse=True)
    assert float(weights[2]) < 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [1, 3, 10, 49, 1000, 4000])
def test_a_time_of_the_chain_is_its_own_step(steps: int, dtype: torch.dtype) -> None:
    number = torch.arange(1, steps + 1)
    assert torch.equal(chain_step((number / steps).to(dtype), steps).long(), number)
    if steps <= 1000:
        between = ((number - 0.5) / steps).to(dtype)
        assert torch.equal(chain_step(between, steps).long(), number)
    ends = torch.tensor([0.0, 1.0], dtype=dtype)
    assert chain_step(ends, steps).tolist() == [1, steps]


def test_uniform_times_are_uniform_steps() -> None:
    x_0, _, eps = batch((3,), 10, torch.float64)
    process = PROCESSES[0]
    t = torch.arange(1, 11, dtype=torch.float64) / 10
    denoiser = answering("v", process, x_0 + 0.1, process.perturb(x_0, t, eps), t)
    exact = DiscreteVLB(10)(denoiser, x_0, t, eps)
    for back in (0.01, 0.05, 0.099):
        assert torch.equal(DiscreteVLB(10)(denoiser, x_0, t - back, eps), exact)


def test_small_steps_keep_their_digits() -> None:
    process = VariancePreserving(Straight(20.0, -20.0))
    t = torch.tensor([0.5, 0.3], dtype=torch.float64)
    # In the middle, where the log-SNR is 0, the step of it is exact.
    found = snr_drop(process, t[:1], t[:1] - 2.0**-40)
    expected = math.expm1(40 * 2.0**-40)
    assert float(found) == pytest.approx(expected, rel=1e-13, abs=0)
    wide = torch.exp(process.log_snr(t - 0.2)) - torch.exp(process.log_snr(t))
    torch.testing.assert_close(snr_drop(process, t, t - 0.2), wide, rtol=1e-12, atol=0)


def test_a_chain_has_a_step() -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        DiscreteVLB(0)
