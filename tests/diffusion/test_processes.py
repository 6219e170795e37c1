"""Every process with every schedule: marginals, kernels, Bayes' rule and the equation."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from tests.combinations import (
    PAIRS,
    Pair,
    close,
    double,
    every_process,
    every_schedule,
    is_refused,
    process_of,
    schedule_of,
)
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.diffusion.processes import (
    Process,
    RectifiedFlow,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
    expand,
)
from snowmelt.diffusion.schedules import Cosine, Geometric, Linear, RandomWalk

GRID = torch.linspace(0, 1, 101, dtype=torch.float64)
# Off every multiple of 1/1000, where the lines of a table meet.
OFF_KNOTS = (torch.arange(10, 990, 17, dtype=torch.float64) + 0.5) / 1000
SPREAD = torch.linspace(-12, 12, 4_001, dtype=torch.float64)
SOBOL = torch.quasirandom.SobolEngine(3, scramble=True, seed=0).draw(
    48, dtype=torch.float64
)


def ordered(count: int) -> tuple[Tensor, ...]:
    """Times u < s < t all over the square or cube, both ends among them."""
    inside = SOBOL[:, :count].sort(1).values
    ends = torch.linspace(0, 1, count, dtype=torch.float64)[None]
    return torch.cat((inside, ends)).unbind(1)


def test_there_are_processes() -> None:
    assert {"variance_preserving", "variance_exploding", "sub_vp", "rectified_flow"} <= {
        process.stem for process, _ in PAIRS
    }


@every_process
def test_infinite_noise_is_refused(files: Pair) -> None:
    if not is_refused(files):
        assert isinstance(process_of(files), Process)
        return
    with pytest.raises(UserError, match="zero terminal SNR"):
        build(OmegaConf.load(files[0]), Process, schedule=schedule_of(files[1]))
    with pytest.raises(ValueError, match="zero terminal SNR"):
        VarianceExploding(schedule_of(files[1]))


# ---- the marginal


@every_process
def test_the_scales_are_those_of_the_log_snr(files: Pair) -> None:
    process = process_of(files)
    alpha, sigma, log_snr = process.alpha(GRID), process.sigma(GRID), process.log_snr(GRID)
    close(2 * (alpha.log() - sigma.log()), log_snr, atol=1e-12)
    assert (log_snr.diff() < 0).all()
    assert (alpha.diff() <= 0).all()
    assert (sigma.diff() >= 0).all()
    assert (alpha[:-1] > 0).all()
    assert (sigma > 0).all()
    assert (alpha[-1] == 0) == process.schedule.has_zero_terminal_snr
    for values in (alpha, sigma, log_snr[:-1]):
        assert values.isfinite().all()


@every_process
def test_every_process_has_its_own_constraint(files: Pair) -> None:
    process = process_of(files)
    alpha, sigma = process.alpha(GRID), process.sigma(GRID)
    if isinstance(process, VariancePreserving):
        close(alpha**2 + sigma**2, torch.ones_like(GRID))
    elif isinstance(process, SubVariancePreserving):
        close(alpha**2 + sigma, torch.ones_like(GRID))
        close(alpha, VariancePreserving(process.schedule).alpha(GRID))
    elif isinstance(process, RectifiedFlow):
        close(alpha + sigma, torch.ones_like(GRID))
    else:
        close(alpha, torch.ones_like(GRID))
    if not isinstance(process, SubVariancePreserving):
        close(process.log_snr(GRID), process.schedule.log_snr(GRID))


@every_process
def test_the_prior_is_the_marginal_of_small_data(files: Pair) -> None:
    process = process_of(files)
    last = double(1.0)
    left = float(process.alpha(last)) ** 2
    if isinstance(process, VarianceExploding):
        assert process.prior_std() == float(process.sigma(last))
        return
    # Of unit data, and of data of any smaller spread up to the signal that is left.
    assert process.prior_std() == 1.0
    lost = left**0.5 if isinstance(process, RectifiedFlow) else left
    assert float(process.sigma(last)) == pytest.approx(1.0, abs=1.01 * lost + 1e-12)


@every_process
def test_the_time_of_a_log_snr_is_where_it_is(files: Pair) -> None:
    process = process_of(files)
    t = OFF_KNOTS[::6]
    log_snr = process.log_snr(t)
    found = process.time(log_snr)
    assert found.dtype == torch.float64
    # In places the curve is so flat that its values cannot tell the times to 1e-9.
    assert ((found - t).abs() <= 1e-9 + 1e-13 / process.log_snr_slope(t).abs()).all()
    close(process.log_snr(found), log_snr, rtol=1e-9, atol=1e-9)
    beyond = torch.cat((process.log_snr(double(0.0)) + 1, log_snr[:1] - 999))
    assert process.time(beyond).tolist() == [0.0, 1.0]


@every_process
@pytest.mark.parametrize("shape", [(2,), (3, 4, 4)])
def test_perturb_is_the_marginal(files: Pair, shape: tuple[int, ...]) -> None:
    process = process_of(files)
    x_0, eps = torch.randn(2, 5, *shape, generator=torch.Generator().manual_seed(0))
    t = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    x_t = process.perturb(x_0, t, eps)
    # Times in float64 give coefficients in float64, cast only where they meet the data.
    assert x_t.dtype == torch.float32
    assert x_t.shape == x_0.shape
    for row in range(5):
        alpha, sigma = float(process.alpha(t[row])), float(process.sigma(t[row]))
        close(x_t[row], alpha * x_0[row] + sigma * eps[row], rtol=1e-5, atol=1e-5 * sigma)
        alone = process.perturb(x_0[row : row + 1], t[row], eps[row : row + 1])
        close(alone[0], x_t[row], rtol=1e-6, atol=1e-6 * sigma)


# ---- the chain


@every_process
def test_two_kernels_make_one(files: Pair) -> None:
    process = process_of(files)
    u, s, t = ordered(3)
    x_u = torch.full_like(u, 1.7)
    mean_s, variance_s = process.transition(x_u, u, s)
    mean_t, variance_t = process.transition(mean_s, s, t)
    ratio = process.alpha(t) / process.alpha(s)
    direct_mean, direct_variance = process.transition(x_u, u, t)
    close(mean_t, direct_mean)
    close(ratio**2 * variance_s + variance_t, direct_variance)


@every_process
def test_a_kernel_carries_one_marginal_to_the_other(files: Pair) -> None:
    process = process_of(files)
    s, t = ordered(2)
    mean, variance = process.transition(process.alpha(s) * 0.8, s, t)
    close(mean, process.alpha(t) * 0.8)
    ratio = process.alpha(t) / process.alpha(s)
    close(ratio**2 * process.sigma(s) ** 2 + variance, process.sigma(t) ** 2)
    close(variance, process.transition_variance(s, t))
    assert (variance > 0).all()


@settings(deadline=None, max_examples=200, derandomize=True, database=None)
@given(
    files=st.sampled_from([pair for pair in PAIRS if not is_refused(pair)]),
    points=st.tuples(*[st.floats(0.0, 0.999, allow_subnormal=False)] * 3),
    x_t=st.floats(-3, 3),
    x_0=st.floats(-2, 2),
)
def test_chain_and_bayes_rule_at_any_times(
    files: Pair, points: tuple[float, float, float], x_t: float, x_0: float
) -> None:
    process = process_of(files)
    u, s, t = double(*points).sort().values
    if min(t - s, s - u) < 1e-4:
        return
    bridge = process.transition_variance(s, t) + (
        process.alpha(t) / process.alpha(s)
    ) ** 2 * process.transition_variance(u, s)
    close(bridge, process.transition_variance(u, t), rtol=1e-8)
    check_bayes(process, double(x_t), double(x_0), s, t)


def check_bayes(process: Process, x_t: Tensor, x_0: Tensor, s: Tensor, t: Tensor) -> None:
    # Prior N(alpha_s x_0, sigma_s^2), likelihood N(x_t; r x_s, variance): precisions add.
    ratio, likelihood = (
        process.alpha(t) / process.alpha(s),
        process.transition_variance(s, t),
    )
    precision = 1 / process.sigma(s) ** 2 + ratio**2 / likelihood
    pull = process.alpha(s) * x_0 / process.sigma(s) ** 2 + ratio * x_t / likelihood
    mean, variance = process.posterior(x_t, x_0, t, s)
    close(variance.expand_as(mean), (1 / precision).expand_as(mean), rtol=1e-8)
    close(process.posterior_variance(t, s), 1 / precision, rtol=1e-8)
    terms = (process.alpha(s) * x_0).abs() + (ratio * x_t / likelihood / precision).abs()
    assert ((mean - pull / precision).abs() <= 1e-8 * terms + 1e-12).all()


@every_process
def test_the_posterior_is_bayes_rule(files: Pair) -> None:
    s, t = ordered(2)
    places = torch.arange(len(s), dtype=torch.float64)
    check_bayes(process_of(files), 3 * places.sin(), 2 * places.cos(), s, t)


@every_process
def test_the_posterior_by_quadrature(files: Pair) -> None:
    process = process_of(files)
    s, t, x_0 = GRID.new_tensor(0.4), GRID.new_tensor(0.6), double(0.7)
    x_t = process.alpha(t) * x_0 - 0.8 * process.sigma(t)
    scale = float(process.sigma(s))
    x_s = float(process.alpha(s) * x_0) + scale * SPREAD
    prior = torch.distributions.Normal(process.alpha(s) * x_0, process.sigma(s))
    mean_t, variance_t = process.transition(x_s, s, t)
    likelihood = torch.distributions.Normal(mean_t, variance_t.sqrt())
    weight = (prior.log_prob(x_s) + likelihood.log_prob(x_t)).softmax(0)
    expected = (weight * x_s).sum()
    spread = (weight * (x_s - expected) ** 2).sum()
    mean, variance = process.posterior(x_t, x_0, t, s)
    close(mean.squeeze(), expected, rtol=1e-6, atol=1e-6 * scale)
    close(variance.squeeze(), spread, rtol=1e-6)


@every_schedule
@pytest.mark.parametrize("steps", [10, 1000])
def test_the_posterior_is_hos(file: Path, steps: int) -> None:
    process = VariancePreserving(schedule_of(file))
    t = GRID.new_tensor(range(1, steps + 1)) / steps
    s = GRID.new_tensor(range(steps)) / steps
    alpha_bar, before = process.alpha(t) ** 2, process.alpha(s) ** 2
    beta = 1 - alpha_bar / before
    beta_tilde = (1 - before) / (1 - alpha_bar) * beta
    x_0, x_t = double(0.7).expand(steps), double(-0.3).expand(steps)
    expected = (
        before.sqrt() * beta / (1 - alpha_bar) * x_0
        + (1 - beta).sqrt() * (1 - before) / (1 - alpha_bar) * x_t
    )
    mean, variance = process.posterior(x_t, x_0, t, s)
    close(process.transition_variance(s, t), beta, rtol=1e-8)
    close(variance, beta_tilde, rtol=1e-8)
    close(mean, expected, rtol=1e-8, atol=1e-9)


# ---- the equation


@every_process
def test_drift_and_diffusion_are_the_slopes_of_the_marginal(files: Pair) -> None:
    process, t, h = process_of(files), OFF_KNOTS, 1e-5
    drift = (process.alpha(t + h).log() - process.alpha(t - h).log()) / (2 * h)
    close(process.drift(t), drift, rtol=1e-5, atol=1e-8)
    variance, growth = process.sigma(t) ** 2, process.sigma(t + h) ** 2
    growth = (growth - process.sigma(t - h) ** 2) / (2 * h)
    diffusion_sq = growth - 2 * process.drift(t) * variance
    close(process.diffusion_sq(t), diffusion_sq, rtol=1e-4, atol=1e-8)
    slope = (process.log_snr(t + h) - process.log_snr(t - h)) / (2 * h)
    close(process.log_snr_slope(t), slope, rtol=1e-5)
    assert (process.diffusion_sq(t) > 0).all()
    assert (process.drift(t) <= 0).all()


@every_process
def test_a_short_step_of_the_chain_is_one_of_the_equation(files: Pair) -> None:
    process, t = process_of(files), OFF_KNOTS
    drift, diffusion_sq = process.drift(t), process.diffusion_sq(t)
    remainders = []
    for h in (4e-4, 2e-4):
        mean, variance = process.transition(torch.ones_like(t), t, t + h)
        ratio = (mean - (1 + drift * h)).abs()
        remainders.append(
            torch.stack((ratio, (variance / (diffusion_sq * h) - 1).abs() * h)).amax(1)
        )
    # A wrong drift or diffusion would leave a remainder of the first order.
    for coarse, fine in zip(*remainders, strict=True):
        assert coarse < 1e-12 or math.log2(coarse / fine) == pytest.approx(2.0, abs=0.1)


@every_process
def test_the_equation_carries_the_moments(files: Pair) -> None:
    process = process_of(files)
    first, h = 50, 1e-3
    # Four stages of Runge-Kutta a step from knot to knot, none of them on a knot.
    start = torch.arange(first, 950, dtype=torch.float64) * h
    stages = torch.stack((start + 1e-6 * h, start + 0.5 * h, start + (1 - 1e-6) * h), dim=1)
    drift, diffusion_sq = process.drift(stages), process.diffusion_sq(stages)
    s = first * h
    mean, variance = 1.3, 0.4
    for f, g_sq in zip(drift.tolist(), diffusion_sq.tolist(), strict=True):
        mean += _runge_kutta(mean, h, [(rate, 0.0) for rate in f])
        rates = [(2 * rate, noise) for rate, noise in zip(f, g_sq, strict=True)]
        variance += _runge_kutta(variance, h, rates)
    expected, added = process.transition(double(1.3), double(s), double(0.95))
    close(double(mean), expected, rtol=1e-6)
    kept = (process.alpha(double(0.95)) / process.alpha(double(s))) ** 2 * 0.4
    close(double(variance), kept + added, rtol=1e-6)


def _runge_kutta(value: float, h: float, rates: list[tuple[float, float]]) -> float:
    """The increment of y' = a y + b over a step, from (a, b) at start, middle and end."""
    (a, b), (a_half, b_half), (a_end, b_end) = rates
    first = a * value + b
    second = a_half * (value + 0.5 * h * first) + b_half
    third = a_half * (value + 0.5 * h * second) + b_half
    fourth = a_end * (value + h * third) + b_end
    return h / 6 * (first + 2 * second + 2 * third + fourth)


def test_slopes_need_no_graph_and_leave_none() -> None:
    process = VariancePreserving(Cosine())
    t = torch.tensor(0.5, dtype=torch.float64)
    with torch.no_grad():
        assert not process.drift(t).requires_grad
        assert process.diffusion_sq(t) > 0
    assert not t.requires_grad


# ---- precision


@every_process
def test_float32_keeps_its_digits_at_both_ends(files: Pair) -> None:
    process = process_of(files)
    t = torch.tensor([0.0, 1e-4, 1e-3, 2e-3, 0.5, 0.998, 0.999, 0.9999, 1.0])
    for scale in (process.alpha, process.sigma):
        assert scale(t).dtype == torch.float32
        close(scale(t).double(), scale(t.double()), rtol=2e-5)
    s, t = t[:-1], t[1:]
    x_0 = torch.full_like(s, 0.7)
    x_t = process.perturb(x_0, t.double(), torch.full_like(t, -1.2))
    mean, variance = process.posterior(x_t, x_0, t, s)
    exact, spread = process.posterior(x_t.double(), x_0.double(), t.double(), s.double())
    assert mean.dtype == torch.float32
    size = process.alpha(s.double()) * 0.7 + process.sigma(s.double()) * 1.2
    assert ((mean.double() - exact).abs() <= 1e-5 * size).all()
    # A variance is a difference of log-SNRs, whose digits are those of the log-SNR.
    level, next_level = process.log_snr(s.double()), process.log_snr(t.double())
    relative = 8 * torch.finfo(torch.float32).eps * (1 + level.abs()) / (level - next_level)
    assert ((variance.double() / spread - 1).abs() <= relative + 1e-5).all()
    # Times in float64 lose nothing.
    mean, variance = process.posterior(x_t, x_0, t.double(), s.double())
    assert ((mean.double() - exact).abs() <= 5e-7 * size).all()
    close(variance.double(), spread, rtol=1e-6)


def test_scales_keep_their_digits_near_the_data() -> None:
    # Through 1 - alpha_bar, sigma would be off by 1e-4 and more in float32.
    t = torch.tensor([0.0, 1e-4, 1e-3])
    for kind in (VariancePreserving, SubVariancePreserving):
        process = kind(Linear())
        close(process.sigma(t).double(), process.sigma(t.double()), rtol=2e-6)
    close(VariancePreserving(Cosine(25, -25)).sigma(double(0.0)).log(), double(-12.5))
    # 1 - alpha^2 = 1.4e-11: the inverse of sub-VP may not take that difference.
    steep = SubVariancePreserving(Cosine(25, -25))
    level = steep.log_snr(double(1e-7, 1e-6, 1e-5))
    close(steep.log_snr(steep.time(level)), level, rtol=1e-10)


# ---- closed forms of the papers, written here from the papers alone


U = 1e-3 + (1 - 1e-3) * GRID  # the own time of a linear schedule that starts at 1e-3
BETA = 0.1 + U * 19.9
INTEGRAL = 0.1 * U + 0.5 * 19.9 * U**2


def test_song_variance_exploding() -> None:
    # Eqs. 30 and 31: sigma_min (sigma_max / sigma_min)^t, and g = sigma sqrt(2 log ratio).
    process = VarianceExploding(Geometric(0.01, 50.0))
    sigma = 0.01 * 5000.0**GRID
    close(process.sigma(GRID), sigma)
    close(process.diffusion_sq(GRID), sigma**2 * 2 * math.log(5000.0))
    close(process.drift(GRID), torch.zeros_like(GRID))
    assert process.prior_std() == pytest.approx(50.0)


def test_song_variance_preserving() -> None:
    # Eqs. 11, 32 and 33, per unit of t instead of u.
    process = VariancePreserving(Linear(0.1, 20.0, 1e-3))
    close(process.alpha(GRID), torch.exp(-0.5 * INTEGRAL))
    close(process.sigma(GRID) ** 2, -torch.expm1(-INTEGRAL))
    close(process.drift(GRID), -0.5 * (1 - 1e-3) * BETA)
    close(process.diffusion_sq(GRID), (1 - 1e-3) * BETA)


def test_song_sub_variance_preserving() -> None:
    # Eq. 29: g^2 = beta (1 - exp(-2 B)), and the marginal's standard deviation 1 - e^-B.
    process = SubVariancePreserving(Linear(0.1, 20.0, 1e-3))
    close(process.alpha(GRID), torch.exp(-0.5 * INTEGRAL))
    close(process.sigma(GRID), -torch.expm1(-INTEGRAL))
    close(process.drift(GRID), -0.5 * (1 - 1e-3) * BETA)
    close(process.diffusion_sq(GRID), -(1 - 1e-3) * BETA * torch.expm1(-2 * INTEGRAL))
    preserving = VariancePreserving(process.schedule)
    assert (process.sigma(GRID) < preserving.sigma(GRID)).all()


def test_the_random_walk_has_independent_increments() -> None:
    process = VarianceExploding(RandomWalk(1e-4, 2500.0))
    close(process.diffusion_sq(GRID), torch.full_like(GRID, 2500.0 - 1e-4))
    close(process.drift(GRID), torch.zeros_like(GRID))
    times = double(0.0, 0.1, 0.4, 0.45, 1.0)
    generator = torch.Generator().manual_seed(0)
    walk = [torch.zeros(20_000, dtype=torch.float64)]
    for s, t in itertools.pairwise(times):
        mean, variance = process.transition(walk[-1], s, t)
        assert torch.equal(mean, walk[-1])
        draw = torch.randn(20_000, generator=generator, dtype=torch.float64)
        walk.append(mean + variance.sqrt() * draw)
    increments = torch.stack(walk).diff(dim=0)
    expected = (2500.0 - 1e-4) * times.diff()
    scaled = torch.cov(increments) / torch.outer(expected, expected).sqrt()
    # Four standard errors of 20,000 draws.
    close(scaled, torch.eye(4, dtype=torch.float64), rtol=0, atol=0.04)


# ---- shapes


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


def test_noise_of_another_shape_is_refused() -> None:
    process = VariancePreserving(Cosine())
    with pytest.raises(ValueError, match=r"\(3, 1\).*\(3, 2\)"):
        process.perturb(torch.zeros(3, 2), torch.tensor(0.5), torch.zeros(3, 1))
