"""Exact laws of both ends: bridges, flows, and diffusion as one of them."""

from __future__ import annotations

import math

import pytest
import torch
from tests.combinations import close, double
from torch import Tensor

from snowmelt.densities import (
    CoupledMixture,
    Gaussian,
    GaussianMixture,
    entropic_plan,
)
from snowmelt.densities.covariances import shared_covariance
from snowmelt.diffusion.interpolants import BrownianBridge, Constant, Straight
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import Process, RectifiedFlow, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Linear
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock
from snowmelt.sampling.samplers.ode import slope

DATA = GaussianMixture(
    [0.3, 0.7],
    [[-1.0, 0.5], [1.5, -0.2]],
    [[[0.3, 0.1], [0.1, 0.2]], [[0.1, 0.0], [0.0, 0.4]]],
)
START = GaussianMixture([0.5, 0.5], [[2.0, 2.0], [-2.0, 1.0]], [0.2, 0.5])
STRAIGHT = RectifiedFlow(RectifiedClock())
COSINE = VariancePreserving(Cosine())
X = torch.linspace(-2.0, 2.0, 10, dtype=torch.float64).reshape(5, 2)
TIMES = double(0.1, 0.4, 0.5, 0.9)


def normal(size: int) -> Gaussian:
    return Gaussian([0.0] * size, std=1.0)


def spread_of(law: GaussianMixture) -> Tensor:
    return law.covariance()


# ---- diffusion is a special case


@pytest.mark.parametrize("process", [COSINE, STRAIGHT, VariancePreserving(Linear())])
def test_normal_noise_without_a_plan_is_diffusion(process: Process) -> None:
    flow = CoupledMixture.independent(DATA, normal(2))
    denoiser = DATA.denoiser(process, V())
    for t in TIMES:
        x_0, x_1, z = flow.estimates(X, process, Straight(), t)
        close(x_0, denoiser.x_0(X, t), rtol=1e-8, atol=1e-10)
        close(x_1, denoiser.eps(X, t), rtol=1e-8, atol=1e-10)
        assert z.abs().max() == 0
        score = flow.score(X, process, Straight(), t)
        close(score, DATA.at(process, t).score(X), rtol=1e-8, atol=1e-10)
        close(score, -x_1 / process.sigma(t), rtol=1e-8, atol=1e-10)
        velocity = flow.velocity(X, process, Straight(), t)
        drift = process.drift(t) * X - 0.5 * process.diffusion_sq(t) * score
        close(velocity, drift, rtol=1e-7, atol=1e-8)
        close(velocity, slope(process, X, x_1, t), rtol=1e-7, atol=1e-8)


# ---- the effective ends, on average


@pytest.mark.parametrize("interpolant", [Straight(), Constant(0.4), BrownianBridge(0.8)])
@pytest.mark.parametrize("process", [COSINE, STRAIGHT])
def test_what_a_denoiser_learns_is_the_flow(process: Process, interpolant: object) -> None:
    """The means of the effective ends, put into a sampler's slope, give the velocity."""
    flow = CoupledMixture.independent(DATA, START)
    for t in TIMES:
        x_0, x_1, z = flow.estimates(X, process, interpolant, t)
        on_data, on_start = interpolant.ends(process, x_0, x_1, z, t)
        velocity = flow.velocity(X, process, interpolant, t)
        close(slope(process, X, on_start, t), velocity, rtol=1e-6, atol=1e-7)
        place = process.alpha(t) * on_data + process.sigma(t) * on_start
        close(place, X, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("interpolant", [Straight(), Constant(0.4), BrownianBridge(0.8)])
def test_the_flow_carries_the_law_along(interpolant: object) -> None:
    """The continuity equation of log q, by differences."""
    flow, t, h = CoupledMixture.independent(DATA, START), double(0.4)[0], 1e-4

    def log_q(time: Tensor) -> Tensor:
        return flow.at(COSINE, interpolant, time).log_prob(X)

    change = (log_q(t + h) - log_q(t - h)) / (2 * h)
    velocity = flow.velocity(X, COSINE, interpolant, t)
    divergence = torch.zeros(len(X), dtype=torch.float64)
    for axis in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[axis] = h
        ahead = flow.velocity(X + step, COSINE, interpolant, t)
        behind = flow.velocity(X - step, COSINE, interpolant, t)
        divergence += (ahead - behind)[:, axis] / (2 * h)
    score = flow.score(X, COSINE, interpolant, t)
    close(change, -(velocity * score).sum(1) - divergence, rtol=1e-5, atol=1e-5)


def test_the_score_is_the_slope_of_the_law() -> None:
    flow, t = CoupledMixture.independent(DATA, START), double(0.3)[0]
    law = flow.at(STRAIGHT, BrownianBridge(0.5), t)
    close(flow.score(X, STRAIGHT, BrownianBridge(0.5), t), law.score(X), rtol=1e-9)
    _, _, z = flow.estimates(X, STRAIGHT, BrownianBridge(0.5), t)
    gamma = BrownianBridge(0.5).gamma(STRAIGHT, t)
    close(flow.score(X, STRAIGHT, BrownianBridge(0.5), t), -z / gamma, rtol=1e-9)


# ---- the Gaussian bridge


@pytest.mark.parametrize("size", [1, 5, 20, 50])
def test_the_bridge_of_two_normal_laws_in_closed_form(size: int) -> None:
    data, start = Gaussian([0.1] * size, std=1.0), Gaussian([-0.1] * size, std=1.0)
    bridge = CoupledMixture.entropic(data, start, 1.0)
    eye = torch.eye(size, dtype=torch.float64)
    whole = spread_of(bridge.pair)
    close(whole[:size, size:], 0.5 * (math.sqrt(5.0) - 1.0) * eye, rtol=1e-9, atol=1e-12)
    for t in TIMES:
        u = STRAIGHT.sigma(t)
        law = bridge.at(STRAIGHT, BrownianBridge(1.0), t)
        spread = u * (1 - u) * math.sqrt(5.0) + (1 - u) ** 2 + u**2
        close(spread_of(law), spread * eye, rtol=1e-9, atol=1e-12)
        mean = (0.1 - 0.2 * u) * torch.ones(size, dtype=torch.float64)
        close(law.mean(), mean, rtol=1e-9, atol=1e-12)


def test_both_ends_keep_their_laws() -> None:
    data = Gaussian([1.0, -1.0], covariance=[[1.0, 0.3], [0.3, 0.5]])
    start = Gaussian([0.0, 2.0], covariance=[[2.0, -0.4], [-0.4, 0.3]])
    bridge = CoupledMixture.entropic(data, start, 0.6)
    for found, law in ((bridge.data, data), (bridge.start, start)):
        close(spread_of(found), spread_of(law), rtol=1e-9)
        close(found.mean(), law.mean())


def test_without_entropy_it_is_the_optimal_map() -> None:
    c_0 = torch.tensor([[1.0, 0.3], [0.3, 0.5]], dtype=torch.float64)
    c_1 = torch.tensor([[2.0, -0.4], [-0.4, 0.3]], dtype=torch.float64)
    shared = shared_covariance(c_0, c_1, 0.0)
    carry = torch.linalg.solve(c_0, shared)  # symmetric and positive: a gradient's
    close(carry, carry.T, rtol=1e-9)
    assert torch.linalg.eigvalsh(carry)[0] > 0
    close(carry @ c_0 @ carry, c_1, rtol=1e-9)
    far = shared_covariance(c_0, c_1, 1e4)
    assert far.abs().max() < 1e-3  # all entropy: independent


def test_the_drift_of_the_bridge_is_that_of_its_brownian_bridges() -> None:
    """From start to data: minus the flow, and half the noise's square times the score."""
    bridge = CoupledMixture.entropic(
        Gaussian([1.0, 0.0], std=0.5), Gaussian([-1.0, 0.0], std=1.0), 0.49
    )
    between = BrownianBridge(0.7)
    for t in TIMES:
        u, clock = STRAIGHT.sigma(t), -0.5 * (STRAIGHT.alpha(t) * STRAIGHT.sigma(t))
        pace = clock * STRAIGHT.log_snr_slope(t)  # du/dt
        x_0, _, _ = bridge.estimates(X, STRAIGHT, between, t)
        velocity = bridge.velocity(X, STRAIGHT, between, t) / pace
        drift = -velocity + 0.5 * 0.49 * bridge.score(X, STRAIGHT, between, t)
        close(drift, (x_0 - X) / u, rtol=1e-6, atol=1e-8)


# ---- potentials that are mixtures


def test_potentials_give_the_plan_that_sinkhorn_finds() -> None:
    entropy = 0.5
    on_data = GaussianMixture([0.4, 0.6], [[-0.6], [0.7]], [0.25, 0.15])
    on_start = GaussianMixture([0.6, 0.4], [[0.4], [-0.5]], [0.2, 0.3])
    bridge = CoupledMixture.of_potentials(on_data, on_start, entropy)
    points = torch.linspace(-7.0, 7.0, 141, dtype=torch.float64)[:, None]
    marginals = []
    for law in (bridge.data, bridge.start):
        density = law.log_prob(points).exp()
        assert density[0] + density[-1] < 1e-12
        marginals.append((density / density.sum()).clamp(min=1e-300))
    cost = 0.5 * (points - points.T) ** 2
    found = entropic_plan(cost, *(m / m.sum() for m in marginals), entropy)
    pairs = torch.cartesian_prod(points[:, 0], points[:, 0])
    exact = bridge.pair.log_prob(pairs).exp().reshape(141, 141)
    close(found, exact / exact.sum(), rtol=0, atol=1e-7)


def test_one_component_is_the_plan_of_two_normal_laws() -> None:
    bridge = CoupledMixture.of_potentials(
        GaussianMixture([1.0], [[0.5, 0.0]], [[[0.3, 0.1], [0.1, 0.4]]]),
        GaussianMixture([1.0], [[-0.5, 1.0]], [[0.2, 0.5]]),
        0.8,
    )
    ends = (
        Gaussian(law.mean(), covariance=law.covariance())
        for law in (bridge.data, bridge.start)
    )
    normal_plan = CoupledMixture.entropic(*ends, 0.8)
    close(spread_of(bridge.pair), spread_of(normal_plan.pair), rtol=1e-8)
    close(bridge.pair.mean(), normal_plan.pair.mean())


def test_potentials_too_wide_for_their_entropy_are_refused() -> None:
    wide = GaussianMixture([1.0], [[0.0]], [2.0])
    with pytest.raises(ValueError, match=r"has no integral.*raise the entropy"):
        CoupledMixture.of_potentials(wide, wide, 1.0)


# ---- draws and refusals


def test_draws_are_pairs_of_the_law() -> None:
    bridge = CoupledMixture.entropic(
        Gaussian([1.0, 0.0], std=0.5), Gaussian([-1.0, 0.0], std=1.0), 0.5
    )
    x_0, x_1 = bridge.sample(20_000, seed=3)
    whole = torch.cat((x_0, x_1), 1)
    close(whole.mean(0), bridge.pair.mean(), rtol=0, atol=0.03)
    close(whole.T.cov(), spread_of(bridge.pair), rtol=0, atol=0.04)


def test_what_is_no_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="even number of elements, got 3"):
        CoupledMixture([1.0], [[0.0, 0.0, 0.0]], 1.0)
    with pytest.raises(ValueError, match="entropy must be positive"):
        CoupledMixture.entropic(normal(1), normal(1), 0.0)
