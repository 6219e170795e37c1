"""The fit of a bridge: exact on normal laws and on grids, stationary at the truth."""

from __future__ import annotations

import math

import pytest
import torch
from tests.combinations import close
from torch import Tensor

from snowmelt.densities import (
    CoupledMixture,
    Gaussian,
    GaussianMixture,
    LightSB,
    entropic_plan,
    entropic_potentials,
    fit_lightsb,
)
from snowmelt.densities.lightsb_fit import objective

GRID = torch.linspace(-6.0, 6.0, 161, dtype=torch.float64)[:, None]
ENTROPY = 0.5
ON_DATA = GaussianMixture([0.4, 0.6], [[-0.6], [0.7]], [0.25, 0.15])
ON_START = GaussianMixture([0.6, 0.4], [[0.4], [-0.5]], [0.2, 0.3])
LAW = CoupledMixture.of_potentials(ON_DATA, ON_START, ENTROPY)


def on_grid(law: GaussianMixture) -> Tensor:
    density = law.log_prob(GRID).exp()
    return density / density.sum()


def plan_on_grid(light: LightSB, start: Tensor) -> Tensor:
    """The plan of the fit for starts on the grid, (data, start)."""
    v = light.potential.log_prob(GRID)
    joint = v[:, None] + GRID @ GRID.T / light.entropy
    return joint.softmax(0) * start


# ---- normal laws


@pytest.mark.parametrize(("size", "covariances"), [(1, "diagonal"), (5, "full")])
def test_between_normal_laws_it_is_the_closed_form(size: int, covariances: str) -> None:
    """One component meets the moments of the samples, so exactly the plan of these."""
    generator = torch.Generator().manual_seed(size)
    x_0, x_1 = (
        torch.randn(600, size, generator=generator, dtype=torch.float64) + shift
        for shift in (0.1, -0.1)
    )
    # Samples whose moments are those of N(+-0.1, I) to the last digit.
    x_0, x_1 = (_whitened(x) + shift for x, shift in ((x_0, 0.1), (x_1, -0.1)))
    light = fit_lightsb(x_0, x_1, 1.0, components=1, covariances=covariances)
    shared = 0.5 * (math.sqrt(5.0) - 1.0)
    # Given a start the data are N(r + V x / entropy, V), and V is the shared covariance.
    spread = light.potential.covariance()
    close(spread, shared * torch.eye(size, dtype=torch.float64), rtol=0, atol=1e-6)
    mean = 0.1 + 0.1 * shared
    close(light.means[0], torch.full((size,), mean).double(), rtol=0, atol=1e-6)
    close(light.at(x_1, 0.0).mean(), x_0.mean(0), rtol=0, atol=1e-6)
    close(light.at(x_1, 0.0).covariance(), _moment(x_0), rtol=0, atol=1e-6)
    for u in (0.25, 0.5, 0.9):
        spread = u * (1 - u) * math.sqrt(5.0) + (1 - u) ** 2 + u**2
        law = light.at(x_1, u)
        close(law.covariance(), spread * torch.eye(size).double(), rtol=0, atol=1e-6)
        close(law.mean(), torch.full((size,), 0.1 - 0.2 * u).double(), rtol=0, atol=1e-6)


def test_between_any_normal_laws_with_full_covariances() -> None:
    data = Gaussian([1.0, -1.0], covariance=[[1.0, 0.3], [0.3, 0.5]])
    start = Gaussian([0.0, 2.0], covariance=[[2.0, -0.4], [-0.4, 0.3]])
    draws = [
        law.sample(500, seed=k, dtype=torch.float64) for k, law in enumerate((data, start))
    ]
    x_0, x_1 = (
        _whitened(x) @ torch.linalg.cholesky(law.covariance()).T + law.mean()
        for x, law in zip(draws, (data, start), strict=True)
    )
    light = fit_lightsb(x_0, x_1, 0.6, components=1, covariances="full")
    exact = CoupledMixture.entropic(data, start, 0.6)
    shared = exact.pair.covariance()[:2, 2:]
    slope = light.potential.covariance() / 0.6
    close(slope @ start.covariance(), shared, rtol=0, atol=1e-5)


def _moment(x: Tensor) -> Tensor:
    return torch.atleast_2d(x.T.cov(correction=0))


def _whitened(x: Tensor) -> Tensor:
    away = x - x.mean(0)
    factor = torch.linalg.cholesky(_moment(away))
    return torch.linalg.solve_triangular(factor, away.T, upper=False).T


# ---- mixtures


def test_between_mixtures_it_is_sinkhorns_plan() -> None:
    """As many components as the true potential has, and the grid for samples."""
    data, start = on_grid(LAW.data), on_grid(LAW.start)
    light = fit_lightsb(
        GRID, GRID, ENTROPY, components=2, shares_0=data, shares_1=start, steps=3000
    )
    plan = entropic_plan(0.5 * (GRID - GRID.T) ** 2, data.clamp(min=1e-300), start, ENTROPY)
    found = plan_on_grid(light, start)
    close(found, plan, rtol=0, atol=1e-6)
    assert plan.max() > 1e-3
    weights = light.potential.weights.sort().values
    close(weights, ON_DATA.weights.sort().values, rtol=0, atol=1e-3)


def test_between_other_laws_components_bring_it_to_sinkhorns_plan() -> None:
    """Two normals from one, whose potential is no mixture; and from samples of both."""
    data = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.1, 0.2])
    start = Gaussian([0.2], std=0.8)
    shares = [on_grid(law).clamp(min=1e-300) for law in (data, start)]
    plan = entropic_plan(0.5 * (GRID - GRID.T) ** 2, *shares, 0.3)

    def miss(light: LightSB) -> float:
        return 0.5 * float((plan_on_grid(light, shares[1]) - plan).abs().sum())

    one, two, four = (
        miss(
            fit_lightsb(
                GRID, GRID, 0.3, components=k, shares_0=shares[0], shares_1=shares[1]
            )
        )
        for k in (1, 2, 4)
    )
    assert one > 0.3
    assert two < 0.03
    assert four < 0.003
    draws = data.sample(2000, seed=1), start.sample(2000, seed=2)
    assert miss(fit_lightsb(*draws, 0.3, components=4)) < 0.07


# ---- the objective


def parameters(light: LightSB) -> list[Tensor]:
    stds = light.variances.sqrt()
    return [one.clone().requires_grad_() for one in (light.log_weights, light.means, stds)]


def test_the_objective_is_stationary_at_the_exact_potential() -> None:
    shares = on_grid(LAW.data), on_grid(LAW.start)
    exact = parameters(LightSB.of_potential(ON_DATA, ENTROPY))
    value = objective(*exact, ENTROPY, GRID, GRID, *shares)
    for gradient in torch.autograd.grad(value, exact):
        assert gradient.abs().max() < 1e-9
    # And nowhere near: another mean, another start, another entropy.
    others = parameters(LightSB.of_potential(ON_DATA, ENTROPY))
    with torch.no_grad():
        others[1][0] += 0.1
    moved = objective(*others, ENTROPY, GRID, GRID, *shares)
    assert moved > value + 1e-3
    for wrong in (
        objective(*others, ENTROPY, GRID, GRID, *shares),
        objective(*others, ENTROPY, GRID, GRID, shares[0], shares[0]),
        objective(*others, 1.1 * ENTROPY, GRID, GRID, *shares),
    ):
        gradients = torch.autograd.grad(wrong, others)
        assert max(float(one.abs().max()) for one in gradients) > 1e-2


def test_the_objective_is_a_divergence_from_the_plan() -> None:
    """What another potential has more of it is KL(plan | its plan) on the grid."""
    shares = on_grid(LAW.data), on_grid(LAW.start)
    other = LightSB([0.0, 0.3], [[-0.2], [0.9]], [0.3, 0.2], ENTROPY)
    values = [
        objective(*parameters(light), ENTROPY, GRID, GRID, *shares)
        for light in (LightSB.of_potential(ON_DATA, ENTROPY), other)
    ]
    plans = [
        plan_on_grid(light, shares[1])
        for light in (LightSB.of_potential(ON_DATA, ENTROPY), other)
    ]
    exact, found = (plan.clamp(min=1e-300) for plan in plans)
    divergence = (exact * (exact / found).log()).sum()
    close(values[1] - values[0], divergence, rtol=1e-6)


def test_full_factors_give_the_objective_of_diagonal_ones() -> None:
    light = LightSB(
        [0.2, -0.1], [[-0.2, 0.4], [0.9, 0.0]], [[0.3, 0.2], [0.1, 0.5]], ENTROPY
    )
    x_0, x_1 = torch.randn(2, 50, 2, generator=torch.Generator().manual_seed(1)).double()
    weights, means, stds = parameters(light)
    one = objective(weights, means, stds, ENTROPY, x_0, x_1)
    two = objective(weights, means, torch.diag_embed(stds), ENTROPY, x_0, x_1)
    close(two, one)
    # By the two laws themselves: the potential, and its integral with the link.
    on_data = light.potential.log_prob(x_0) + light.log_weights.logsumexp(0)
    pulls = x_1 @ means.T / ENTROPY + 0.5 * (x_1**2 @ (stds**2).T) / ENTROPY**2
    on_start = (weights + pulls).logsumexp(1)
    close(one, on_start.mean() - on_data.mean())


# ---- where it begins


def test_a_fit_begins_with_even_shares_of_the_starts() -> None:
    """As many components as samples begin one on each, with the weights of Sinkhorn's plan
    between starts and samples; the first value is the objective of that potential.
    """
    generator = torch.Generator().manual_seed(0)
    x_0, x_1 = (torch.randn(n, 2, generator=generator).double() for n in (6, 9))
    entropy, heard = 2.0, list[float]()
    fit_lightsb(
        x_0, x_1, entropy, components=6, steps=1, least_std=0.05,
        watch=lambda call, value: heard.append(value),
    )  # fmt: skip
    even = [torch.full((n,), 1 / n, dtype=torch.float64) for n in (9, 6)]
    cost = 0.5 * torch.cdist(x_1, x_0).square()
    _, g = entropic_potentials(cost, *even, entropy)
    log_weights = g - 0.5 * x_0.square().sum(1) / entropy
    variance = float(x_0.var(0, correction=0).mean())
    std = math.sqrt(min(0.1 * entropy, variance / 6) + 0.05**2 * variance)
    factors = torch.full((6, 2), std, dtype=torch.float64)
    expected = objective(log_weights, x_0, factors, entropy, x_0, x_1)
    assert heard[0] == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_components_begin_in_different_heaps_of_those_that_count(seed: int) -> None:
    heaps = torch.tensor([[0.0, 0.0], [1000.0, 0.0], [0.0, 1000.0], [1000.0, 1000.0]])
    near = torch.randn(4, 20, 2, generator=torch.Generator().manual_seed(1))
    x_0 = (heaps[:, None] + near).flatten(0, 1).double()
    shares = torch.ones(80).double()
    shares[20:40] = 0.0
    light = fit_lightsb(
        x_0, x_0, 1e5, components=3, steps=1, seed=seed, shares_0=shares / 60
    )
    nearest = torch.cdist(light.means, heaps.double()).argmin(1)
    assert sorted(nearest.tolist()) == [0, 2, 3]


def test_more_components_than_different_samples_are_no_trouble() -> None:
    x_0 = torch.tensor([[-1.0], [1.0]], dtype=torch.float64).repeat(5, 1)
    light = fit_lightsb(x_0, x_0, 1.0, components=4)
    assert bool(light.means.isfinite().all())
    assert float((light.means.abs() - 1.0).abs().max()) < 0.5


# ---- manners


def test_the_same_samples_give_the_same_bridge_and_a_bar_can_follow() -> None:
    x_0, x_1 = LAW.sample(200, seed=0)
    heard: list[tuple[int, float]] = []
    found = [
        fit_lightsb(x_0, x_1, ENTROPY, components=3, watch=lambda *said: heard.append(said))
        for _ in range(2)
    ]
    close(found[0].means, found[1].means, rtol=0)
    calls, values = zip(*heard[: len(heard) // 2], strict=True)
    assert list(calls) == list(range(1, len(calls) + 1))
    assert values[-1] < values[0]


@pytest.mark.parametrize("covariances", ["diagonal", "full"])
@pytest.mark.parametrize("entropy", [0.05, 2.0], ids=["by_entropy", "by_spacing"])
def test_where_a_fit_begins_goes_with_the_unit_of_length(
    covariances: str, entropy: float
) -> None:
    """Another unit adds its logarithm for each dimension to the objective, no more."""
    x_0, x_1 = LAW.sample(200, seed=0)

    def first(unit: float) -> float:
        heard: list[float] = []
        fit_lightsb(
            x_0 / unit, x_1 / unit, entropy / unit**2, components=3, steps=1,
            covariances=covariances, watch=lambda call, value: heard.append(value),
        )  # fmt: skip
        return heard[0]

    expected = first(1.0) - LAW.size * math.log(3.0)
    assert first(3.0) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("covariances", ["diagonal", "full"])
def test_no_component_shrinks_below_the_floor(covariances: str) -> None:
    x_0 = torch.tensor([[-3.0], [3.0]], dtype=torch.float64).repeat(20, 1)
    light = fit_lightsb(
        x_0, x_0, 9.0, components=2, covariances=covariances, least_std=0.05
    )
    assert light.variances.min() >= (3 * 0.05) ** 2
    assert light.variances.min() < (3 * 0.06) ** 2  # and these samples would have it zero


def test_what_is_no_pair_of_samples_is_refused() -> None:
    x = torch.zeros(5, 2)
    with pytest.raises(ValueError, match=r"samples must be \(N, D\) and \(M, D\)"):
        fit_lightsb(x, torch.zeros(5, 3), 1.0)
    with pytest.raises(ValueError, match="20 components need as many samples"):
        fit_lightsb(x, x, 1.0)
    with pytest.raises(ValueError, match="samples must be finite"):
        fit_lightsb(x + math.nan, x, 1.0, components=1)
    with pytest.raises(ValueError, match="entropy must be positive"):
        fit_lightsb(x, x, -1.0, components=1)
    with pytest.raises(ValueError, match="components must be"):
        fit_lightsb(x, x, 1.0, components=0)
    with pytest.raises(ValueError, match="covariances must be diagonal or full"):
        fit_lightsb(x, x, 1.0, components=1, covariances="round")  # type: ignore[arg-type]
    for shares in (torch.ones(4), torch.zeros(5), -torch.ones(5), torch.ones(5, 1)):
        with pytest.raises(ValueError, match="the shares of 5 samples must be as many"):
            fit_lightsb(x, x, 1.0, components=1, shares_1=shares)
