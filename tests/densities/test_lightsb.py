"""The light Schroedinger bridge beside everything that is known of bridges."""

from __future__ import annotations

import math

import pytest
import torch
from tests.combinations import close

from snowmelt.densities import CoupledMixture, Gaussian, GaussianMixture, LightSB
from snowmelt.diffusion.interpolants import BrownianBridge
from snowmelt.diffusion.processes import RectifiedFlow
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock

STRAIGHT = RectifiedFlow(RectifiedClock())
ENTROPY = 0.5
ON_DATA = GaussianMixture(
    [0.4, 0.6],
    [[-0.6, 0.3], [0.7, 0.1]],
    [[[0.25, 0.1], [0.1, 0.2]], [[0.15, 0], [0, 0.3]]],
)
ON_START = GaussianMixture([0.6, 0.4], [[0.4, -0.2], [-0.5, 0.5]], [0.2, 0.3])
LAW = CoupledMixture.of_potentials(ON_DATA, ON_START, ENTROPY)
LIGHT = LightSB.of_potential(ON_DATA, ENTROPY)
DATA = Gaussian([1.0, 0.0], covariance=[[0.5, 0.2], [0.2, 0.3]])
FROM = Gaussian([-1.0, 0.5], covariance=[[1.0, -0.3], [-0.3, 0.8]])
X = torch.linspace(-1.5, 1.5, 12, dtype=torch.float64).reshape(6, 2)


def test_the_drift_is_that_of_the_exact_bridge_at_every_time() -> None:
    """Whatever the start's potential is: the data's alone decides where a state goes."""
    between = BrownianBridge(math.sqrt(ENTROPY))
    other = GaussianMixture([1.0], [[1.0, -1.0]], [0.1])
    for law in (LAW, CoupledMixture.of_potentials(ON_DATA, other, ENTROPY)):
        for time in (0.02, 0.3, 0.7, 0.98):
            t = torch.tensor(time, dtype=torch.float64)
            u = float(STRAIGHT.sigma(t))
            x_0, _, _ = law.estimates(X, STRAIGHT, between, t)
            close(LIGHT.data_mean(X, u), x_0, rtol=1e-7, atol=1e-9)
            close(LIGHT.drift(X, u), (x_0 - X) / u, rtol=1e-6, atol=1e-7)


def test_next_to_the_data_the_drift_is_a_slope() -> None:
    r"""At u = 0 it is that of $\varepsilon\log v(x) + \lVert x\rVert^2/2$."""
    expected = ENTROPY * ON_DATA.score(X) + X
    close(LIGHT.drift(X, 0.0), expected, rtol=1e-10)
    close(LIGHT.drift(X, 1e-9), expected, rtol=1e-6)


def test_the_law_from_given_starts_is_that_of_the_exact_plan() -> None:
    """Of many starts of the plan: the moments of its own marginals."""
    _, x_1 = LAW.sample(4000, seed=1)
    between = BrownianBridge(math.sqrt(ENTROPY))
    for u in (0.0, 0.4):
        t = STRAIGHT.time(torch.tensor(2 * math.log((1 - u) / max(u, 1e-3))).double())
        law = LAW.data if u == 0 else LAW.at(STRAIGHT, between, t)
        found = LIGHT.at(x_1, u)
        close(found.mean(), law.mean(), rtol=0, atol=0.03)
        close(found.covariance(), law.covariance(), rtol=0, atol=0.03)


def test_pairs_are_those_of_the_plan() -> None:
    _, x_1 = LAW.sample(200_000, seed=2)
    drawn = torch.cat((LIGHT.sample(x_1, seed=5), x_1), 1)
    close(drawn.mean(0), LAW.pair.mean(), rtol=0, atol=0.02)
    close(drawn.T.cov(), LAW.pair.covariance(), rtol=0, atol=0.02)
    # Third moments, which normal laws would not share.
    exact = torch.cat(LAW.sample(400_000, seed=9), 1)
    for one in (drawn, exact):
        one -= LAW.pair.mean()
    close((drawn**3).mean(0), (exact**3).mean(0), rtol=0, atol=0.03)
    close(LIGHT.sample(x_1[:7], seed=5), LIGHT.sample(x_1, seed=5)[:7])


def test_states_between_are_those_of_the_brownian_bridge() -> None:
    _, x_1 = LAW.sample(40_000, seed=2)
    x_0, u = LIGHT.sample(x_1, seed=5), 0.3
    drawn = LIGHT.between(x_0, x_1, u, seed=6)
    law = LIGHT.at(x_1[:4000], u)
    close(drawn.mean(0), law.mean(), rtol=0, atol=0.02)
    close(drawn.T.cov(), law.covariance(), rtol=0, atol=0.02)
    close(LIGHT.between(x_0, x_1, 0.0, seed=6), x_0)
    close(LIGHT.between(x_0, x_1, 1.0, seed=6), x_1)
    for beyond in (-0.1, 1.1):
        with pytest.raises(ValueError, match="u must be from 0 to 1"):
            LIGHT.between(x_0, x_1, beyond, seed=6)


def test_steps_along_the_drift_come_to_the_data() -> None:
    """The stochastic equation from normal starts, by Euler-Maruyama."""
    bridge = CoupledMixture.entropic(DATA, FROM, ENTROPY)
    light = LightSB.between_normals(DATA, FROM, ENTROPY)
    steps, generator = 200, torch.Generator().manual_seed(3)
    _, x = bridge.sample(20_000, seed=4)
    for step in range(steps, 0, -1):
        noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        x = x + light.drift(x, step / steps) / steps + math.sqrt(ENTROPY / steps) * noise
    close(x.mean(0), bridge.data.mean(), rtol=0, atol=0.02)
    close(x.T.cov(), bridge.data.covariance(), rtol=0, atol=0.02)


def test_between_normal_laws_the_plan_has_a_closed_form() -> None:
    """Given a start, the data of the joint law, by regression."""
    bridge = CoupledMixture.entropic(DATA, FROM, ENTROPY)
    whole, mean = bridge.pair.covariance(), bridge.pair.mean()
    slope = whole[:2, 2:] @ torch.linalg.inv(whole[2:, 2:])
    light = LightSB.between_normals(DATA, FROM, ENTROPY)
    close(light.data_mean(X, 1.0), mean[:2] + (X - mean[2:]) @ slope.T, rtol=1e-9)
    given = light.at(X[:1], 0.0)
    close(given.mean(), light.data_mean(X[:1], 1.0)[0], rtol=1e-9)
    close(given.covariance(), whole[:2, :2] - slope @ whole[2:, :2], rtol=1e-9)


def test_the_potential_is_the_one_that_a_coupled_mixture_takes() -> None:
    again = CoupledMixture.of_potentials(LIGHT.potential, ON_START, ENTROPY)
    close(again.pair.mean(), LAW.pair.mean(), rtol=1e-9)
    close(again.pair.covariance(), LAW.pair.covariance(), rtol=1e-9)
    shifted = LightSB(LIGHT.log_weights + 5.0, ON_DATA.means, ENTROPY, ENTROPY)
    close(shifted.potential.weights, ON_DATA.weights)


def test_what_is_no_bridge_is_refused() -> None:
    with pytest.raises(ValueError, match="entropy must be positive"):
        LightSB([0.0], [[0.0]], 1.0, 0.0)
    with pytest.raises(ValueError, match="one row for each of 2 weights"):
        LightSB([0.0, 0.0], [[0.0]], 1.0, 1.0)
    with pytest.raises(ValueError, match=r"u must lie between 0 and 1, got 1\.5"):
        LIGHT.drift(X, 1.5)
    with pytest.raises(ValueError, match=r"below 1, got 1\.0"):
        LIGHT.at(X, 1.0)
