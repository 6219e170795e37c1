"""Every process with every schedule: marginals, kernels, Bayes' rule and the equation."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from snowmelt.building import build
from snowmelt.processes import Process, VariancePreserving, expand
from snowmelt.schedules import Cosine, Linear, NoiseSchedule

CONF = Path(__file__).parents[1] / "conf"
PAIRS = list(
    itertools.product(
        sorted((CONF / "process").glob("*.yaml")),
        sorted((CONF / "schedule").glob("*.yaml")),
    )
)
every_process = pytest.mark.parametrize(
    "files", PAIRS, ids=lambda files: "-".join(file.stem for file in files)
)
inner = st.floats(0.01, 0.99)
quick = settings(deadline=None, max_examples=30, derandomize=True, database=None)


def built(files: tuple[Path, Path]) -> Process:
    process, schedule = map(OmegaConf.load, files)
    return build(process, Process, schedule=build(schedule, NoiseSchedule))


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def close(actual: Tensor, expected: Tensor, rtol: float = 1e-9, atol: float = 0.0) -> None:
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


GRID = torch.linspace(0, 1, 101, dtype=torch.float64)


@every_process
def test_the_scales_are_those_of_the_log_snr(files: tuple[Path, Path]) -> None:
    process = built(files)
    alpha, sigma = process.alpha(GRID), process.sigma(GRID)
    assert (alpha > 0).all()
    assert (sigma > 0).all()
    close(2 * (alpha.log() - sigma.log()), process.log_snr(GRID), atol=1e-12)
    close(process.log_snr(GRID), process.schedule.log_snr(GRID))


@every_process
def test_variance_is_preserved(files: tuple[Path, Path]) -> None:
    process = built(files)
    if not isinstance(process, VariancePreserving):
        pytest.skip("a law of variance-preserving processes")
    close(process.alpha(GRID) ** 2 + process.sigma(GRID) ** 2, torch.ones_like(GRID))
    assert process.prior_std() == 1.0


def test_scales_keep_their_digits_near_the_data() -> None:
    # Through 1 - alpha_bar, sigma would be off by 1e-4 and more in float32.
    process = VariancePreserving(Linear())
    t = torch.tensor([0.0, 1e-4, 1e-3])
    exact = process.sigma(t.double())
    close(process.sigma(t).double(), exact, rtol=1e-6)
    close(VariancePreserving(Cosine(25, -25)).sigma(double(0.0)).log(), double(-12.5))


@every_process
@quick
@given(points=st.tuples(inner, inner, inner))
def test_two_kernels_make_one(
    files: tuple[Path, Path], points: tuple[float, float, float]
) -> None:
    process = built(files)
    u, s, t = double(*points).sort().values
    x_u = double(1.7)
    mean_s, variance_s = process.transition(x_u, u, s)
    mean_t, variance_t = process.transition(mean_s, s, t)
    ratio = process.alpha(t) / process.alpha(s)
    direct_mean, direct_variance = process.transition(x_u, u, t)
    close(mean_t, direct_mean)
    close(ratio**2 * variance_s + variance_t, direct_variance, atol=1e-12)


@every_process
@quick
@given(points=st.tuples(inner, inner))
def test_a_kernel_carries_one_marginal_to_the_other(
    files: tuple[Path, Path], points: tuple[float, float]
) -> None:
    process = built(files)
    s, t = double(*points).sort().values
    mean, variance = process.transition(process.alpha(s) * double(0.8), s, t)
    ratio = process.alpha(t) / process.alpha(s)
    close(mean, process.alpha(t) * double(0.8))
    close(ratio**2 * process.sigma(s) ** 2 + variance, process.sigma(t) ** 2)
    close(variance, process.transition_variance(s, t))


@every_process
@quick
@given(points=st.tuples(inner, inner), x_t=st.floats(-3, 3), x_0=st.floats(-2, 2))
def test_the_posterior_is_bayes_rule(
    files: tuple[Path, Path], points: tuple[float, float], x_t: float, x_0: float
) -> None:
    process = built(files)
    s, t = double(*points).sort().values
    if t - s < 1e-3:
        return
    # Prior N(alpha_s x_0, sigma_s^2), likelihood N(x_t; r x_s, variance): precisions add.
    ratio = process.alpha(t) / process.alpha(s)
    likelihood = process.sigma(t) ** 2 - ratio**2 * process.sigma(s) ** 2
    precision = 1 / process.sigma(s) ** 2 + ratio**2 / likelihood
    pull = process.alpha(s) * x_0 / process.sigma(s) ** 2 + ratio * x_t / likelihood
    mean, variance = process.posterior(double(x_t), double(x_0), t, s)
    close(mean, double(1.0) * pull / precision, rtol=1e-6, atol=1e-9)
    close(variance, 1 / precision, rtol=1e-6)


@every_process
def test_the_posterior_by_quadrature(files: tuple[Path, Path]) -> None:
    process = built(files)
    s, t, x_0, x_t = double(0.4), double(0.6), double(0.7), double(-0.3)
    x_s = torch.linspace(-8, 8, 20_001, dtype=torch.float64)
    prior = torch.distributions.Normal(process.alpha(s) * x_0, process.sigma(s))
    mean_t, variance_t = process.transition(x_s, s.squeeze(), t.squeeze())
    likelihood = torch.distributions.Normal(mean_t, variance_t.sqrt())
    weight = (prior.log_prob(x_s) + likelihood.log_prob(x_t)).softmax(0)
    expected = (weight * x_s).sum()
    spread = (weight * (x_s - expected) ** 2).sum()
    mean, variance = process.posterior(x_t, x_0, t, s)
    close(mean.squeeze(), expected, rtol=1e-6)
    close(variance.squeeze(), spread, rtol=1e-6)


@every_process
@pytest.mark.parametrize("steps", [10, 1000])
def test_the_posterior_is_hos(files: tuple[Path, Path], steps: int) -> None:
    process = built(files)
    if not isinstance(process, VariancePreserving):
        pytest.skip("Ho's chain preserves the variance")
    t, s = (
        GRID.new_tensor(range(1, steps + 1)) / steps,
        GRID.new_tensor(range(steps)) / steps,
    )
    alpha_bar, before = process.alpha(t) ** 2, process.alpha(s) ** 2
    beta = 1 - alpha_bar / before
    beta_tilde = (1 - before) / (1 - alpha_bar) * beta
    x_0, x_t = double(0.7).expand(steps), double(-0.3).expand(steps)
    expected = (
        before.sqrt() * beta / (1 - alpha_bar) * x_0
        + (1 - beta).sqrt() * (1 - before) / (1 - alpha_bar) * x_t
    )
    mean, variance = process.posterior(x_t, x_0, t, s)
    close(variance, beta_tilde)
    close(mean, expected)


@every_process
def test_drift_and_diffusion_are_the_slopes_of_the_marginal(
    files: tuple[Path, Path],
) -> None:
    process = built(files)
    t, h = torch.linspace(0.01, 0.99, 50, dtype=torch.float64), 1e-5
    drift = (process.alpha(t + h).log() - process.alpha(t - h).log()) / (2 * h)
    close(process.drift(t), drift, rtol=1e-6)
    growth = (process.sigma(t + h) ** 2 - process.sigma(t - h) ** 2) / (2 * h)
    diffusion_sq = growth - 2 * drift * process.sigma(t) ** 2
    close(process.diffusion_sq(t), diffusion_sq, rtol=1e-5)
    slope = (process.log_snr(t + h) - process.log_snr(t - h)) / (2 * h)
    close(process.log_snr_slope(t), slope, rtol=1e-6)


@every_process
def test_the_equation_carries_the_moments(files: tuple[Path, Path]) -> None:
    process = built(files)
    s, t = 0.2, 0.8

    def slope(time: float, moments: Tensor) -> Tensor:
        at = double(time)
        mean, variance = moments
        drift = process.drift(at)
        return torch.cat((drift * mean, 2 * drift * variance + process.diffusion_sq(at)))

    moments = torch.cat((double(1.3), process.sigma(double(s)) ** 2))
    count = 200
    h = (t - s) / count
    for number in range(count):
        time = s + number * h
        first = slope(time, moments)
        second = slope(time + h / 2, moments + h / 2 * first)
        third = slope(time + h / 2, moments + h / 2 * second)
        fourth = slope(time + h, moments + h * third)
        moments = moments + h / 6 * (first + 2 * second + 2 * third + fourth)
    expected, _ = process.transition(double(1.3), double(s), double(t))
    close(moments, torch.cat((expected, process.sigma(double(t)) ** 2)), rtol=1e-6)


def test_slopes_need_no_graph_and_leave_none() -> None:
    process = VariancePreserving(Cosine())
    t = torch.tensor(0.5, dtype=torch.float64)
    with torch.no_grad():
        assert not process.drift(t).requires_grad
        assert process.diffusion_sq(t) > 0
    assert not t.requires_grad


@every_process
@pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (3, 4, 4)])
def test_perturb_is_the_marginal(files: tuple[Path, Path], shape: tuple[int, ...]) -> None:
    process = built(files)
    x_0, eps = torch.randn(2, 5, *shape, generator=torch.Generator().manual_seed(0))
    t = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    x_t = process.perturb(x_0, t, eps)
    # Times in float64 give coefficients in float64, cast only where they meet the data.
    assert x_t.dtype == torch.float32
    assert x_t.shape == x_0.shape
    for row in range(5):
        alpha, sigma = float(process.alpha(t[row])), float(process.sigma(t[row]))
        close(x_t[row], alpha * x_0[row] + sigma * eps[row], rtol=1e-5, atol=1e-6)
        alone = process.perturb(x_0[row : row + 1], t[row], eps[row : row + 1])
        assert torch.equal(alone[0], x_t[row])


def test_coefficients_fit_any_event() -> None:
    assert expand(torch.ones(4), torch.ones(4, 1, 8, 8)).shape == (4, 1, 1, 1)
    assert expand(torch.ones(4), torch.ones(4, 2)).shape == (4, 1)
    assert expand(torch.ones(4), torch.ones(4)).shape == (4,)
    assert expand(torch.tensor(1.0), torch.ones(4, 2)).shape == ()
    assert expand(double(1.0), torch.ones(1, 2)).dtype == torch.float32


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 1), (1, 1)])
def test_times_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    process = VariancePreserving(Cosine())
    x, t = torch.zeros(3, 4, 2), torch.full(shape, 0.5)
    near = torch.full(shape, 0.25)
    numbers = ", ".join(map(str, shape))
    with pytest.raises(ValueError, match=numbers):
        process.perturb(x, t, x)
    with pytest.raises(ValueError, match=numbers):
        process.transition(x, near, t)
    with pytest.raises(ValueError, match=numbers):
        process.posterior(x, x, t, near)
