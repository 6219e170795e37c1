"""How far a normal step back is from the exact one, and how fast that falls."""

from __future__ import annotations

import math

import pytest
import torch
from tests.combinations import close, double
from tests.densities.reverse_kernel import (
    DATA,
    KINDS,
    LEVELS,
    LEVELS_ONLY,
    PATH,
    fitted,
    gap,
)
from tests.sampling.samplers.orders import slope
from torch import Tensor

from snowmelt.densities import DoubleGaussian, Gaussian, GaussianMixture, KernelDensity
from snowmelt.densities.reverse_gap import path_divergence, reverse_gap
from snowmelt.densities.reverse_kernel import closest_normal, ddpm_kernel, reverse_kernel
from snowmelt.diffusion.processes import SubVariancePreserving, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Linear

every_kind = pytest.mark.parametrize("kind", KINDS)
every_level = pytest.mark.parametrize("level", LEVELS)
COSINE = VariancePreserving(Cosine())
S, T = double(0.35, 0.6)
LINE = GaussianMixture([0.25, 0.45, 0.3], [[-1.0], [0.1], [0.8]], [0.02, 0.01, 0.1])


def by_brute_force(
    density: GaussianMixture, share: float | None, process=COSINE
) -> tuple[float, float]:
    """Sums over a fixed lattice of states, each with the kernels as they are given out."""
    states = torch.linspace(-6, 6, 181, dtype=torch.float64)
    shares = density.at(process, T).log_prob(states[:, None]).softmax(0)
    x = torch.linspace(-7, 7, 2801, dtype=torch.float64)[:, None]
    divergence = variation = 0.0
    for state, weight in zip(states[:, None], shares.tolist(), strict=True):
        kernel = reverse_kernel(density, process, state, T, S)
        if share is None:
            normal = closest_normal(kernel)
        else:
            normal = ddpm_kernel(density, process, state, T, S, share)
        p, q = kernel.log_prob(x), normal.log_prob(x)
        divergence += weight * float((p.exp() * (p - q)).sum()) * 14 / 2800
        variation += weight * float((p.exp() - q.exp()).abs().sum()) * 7 / 2800
    return divergence, variation


@pytest.mark.parametrize("share", [None, 0.0, 0.3, 1.0])
@pytest.mark.parametrize("density", [DATA, LINE])
def test_the_gap_is_that_of_the_kernels(
    density: GaussianMixture, share: float | None
) -> None:
    divergence, variation = by_brute_force(density, share)
    found = reverse_gap(density, COSINE, T, S, share)
    assert found.divergence == pytest.approx(divergence, rel=1e-6)
    assert found.variation == pytest.approx(variation, rel=2e-3)


def test_the_gap_under_another_process() -> None:
    process = SubVariancePreserving(Linear())
    divergence, variation = by_brute_force(DATA, 0.4, process)
    found = reverse_gap(DATA, process, T, S, 0.4)
    assert found.divergence == pytest.approx(divergence, rel=1e-6)
    assert found.variation == pytest.approx(variation, rel=2e-3)


def states(t: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the marginal of the double Gaussian at a time."""
    x = torch.linspace(-7, 7, 6001, dtype=torch.float64)[:, None]
    return x, DATA.at(LEVELS_ONLY, t).log_prob(x).softmax(0)


def unknown(t: Tensor, x: Tensor) -> Tensor:
    """exp(log-SNR) Var[x_0 | x_t], from the parts. Shapes: x: (B, 1) -> (B,)"""
    alpha, sigma = LEVELS_ONLY.alpha(t), LEVELS_ONLY.sigma(t)
    shares, means, variances = DATA.posterior(x, alpha, sigma)
    means = means[..., 0]
    mean = (shares * means).sum(1, keepdim=True)
    spread = (shares * (variances[:, 0] + (means - mean) ** 2)).sum(1)
    return (alpha / sigma) ** 2 * spread


@every_level
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("length", [8.0, 0.5, 2.0**-6])
def test_shape_and_width_add_up(level: float, share: float, length: float) -> None:
    log_snr = double(level, level + length)
    t, s = LEVELS_ONLY.time(log_snr)
    x, weights = states(t)
    # The variance of the kernel beside that of the posterior given the data.
    small = LEVELS_ONLY.posterior_variance(t, s)
    large = LEVELS_ONLY.transition_variance(s, t)
    shrink = -torch.expm1(LEVELS_ONLY.log_snr(t) - LEVELS_ONLY.log_snr(s))
    known = shrink * torch.exp(LEVELS_ONLY.log_snr(s) - LEVELS_ONLY.log_snr(t))
    kernel_variance = small * (1 + known * unknown(t, x))
    excess = kernel_variance / (small ** (1 - share) * large**share) - 1
    width = float((weights * 0.5 * (excess - torch.log1p(excess))).sum())
    shape = gap(level, length, None).divergence
    assert gap(level, length, share).divergence == pytest.approx(shape + width, rel=1e-6)


@every_kind
@every_level
def test_the_orders_are_those_of_theory(kind: str, level: float) -> None:
    share, divergence, variation, _ = KINDS[kind]
    found = fitted(level, share)
    # Near the data the next term is still a tenth of the first.
    assert found[0] == pytest.approx(divergence, abs=0.15)
    assert found[1] == pytest.approx(variation, abs=0.08)


@every_level
def test_the_first_terms_are_those_of_theory(level: float) -> None:
    h = 2.0**-6
    (t,) = LEVELS_ONLY.time(double(level))
    x, weights = states(t)
    noisy, sigma = DATA.at(LEVELS_ONLY, t), LEVELS_ONLY.sigma(t)
    # The third derivative of the log density, by differentiating twice its score.
    point = x.clone().requires_grad_()
    value = noisy.log_prob(point)
    for _ in range(3):
        (value,) = torch.autograd.grad(value.sum(), point, create_graph=True)
    skew = sigma**3 * value.detach()[:, 0]
    shape = float((weights * skew**2).sum()) * h**3 / 12
    assert gap(level, h, None).divergence == pytest.approx(shape, rel=0.1)
    slack = unknown(t, x)
    for share in (0.0, 1.0):
        # sigma_t^2 / sigma_s^2 = 1 + alpha^2 h, of a process that preserves the variance.
        excess = slack - share * LEVELS_ONLY.alpha(t) ** 2
        width = float((weights * excess**2).sum()) * h**2 / 4
        assert gap(level, h, share).divergence == pytest.approx(width, rel=0.1)
        variation = float((weights * excess.abs()).sum()) * h
        # Half the integral of |z^2 - 1| / 2 under the normal density.
        variation *= math.exp(-0.5) / math.sqrt(2 * math.pi)
        assert gap(level, h, share).variation == pytest.approx(variation, rel=0.1)


def test_normal_data_has_no_gap_but_that_of_its_width() -> None:
    unit, other = Gaussian([0.0], std=1.0), Gaussian([0.4], std=0.3)
    for density, share in ((unit, None), (other, None), (unit, 1.0)):
        found = reverse_gap(density, COSINE, T, S, share)
        assert abs(found.divergence) < 1e-13
        assert abs(found.variation) < 1e-13
    found = reverse_gap(other, COSINE, T, S, 0.0)
    kernel = reverse_kernel(other, COSINE, double(0.3), T, S)
    ratio = float(kernel.covariance() / COSINE.posterior_variance(T, S))
    expected = 0.5 * (ratio - 1 - math.log(ratio))
    assert found.divergence == pytest.approx(expected, rel=1e-9)


def test_pinskers_bound() -> None:
    for share, *_ in KINDS.values():
        for length in (8.0, 2.0, 0.5):
            found = gap(0, length, share)
            assert 0.0 < found.variation < 1.0
            assert found.variation < math.sqrt(found.divergence / 2)


def test_one_step_loses_all_that_is_not_normal_in_the_data() -> None:
    one = path_divergence(DATA, PATH, 1)
    noisy = DATA.at(PATH, double(0.0)[0])
    x = torch.linspace(-4, 4, 20_001, dtype=torch.float64)[:, None]
    p = noisy.log_prob(x)
    entropy = -float((p.exp() * p).sum()) * 8 / 20_000
    bound = closest_normal(noisy).entropy() - entropy
    assert one == pytest.approx(bound, rel=0.03)
    # Two modes that do not touch: the entropy of which is what a normal law cannot have.
    assert one > 0.6


@every_kind
def test_a_path_is_the_sum_of_its_steps_and_falls(kind: str) -> None:
    share, _, _, theory = KINDS[kind]
    # Times that single precision does not have.
    times = double(*(k / 7 for k in range(8)))
    steps = [
        reverse_gap(DATA, PATH, times[k + 1], times[k], share).divergence for k in range(7)
    ]
    assert path_divergence(DATA, PATH, 7, share) == pytest.approx(sum(steps), rel=1e-11)
    counts = (48, 96)
    found = [path_divergence(DATA, PATH, count, share) for count in counts]
    assert slope(counts, found) == pytest.approx(theory, abs=0.4)


def test_many_components_are_taken_in_parts() -> None:
    points = DATA.sample(40, seed=0, dtype=torch.float64)
    cloud = KernelDensity(points, 0.2)
    whole = GaussianMixture(cloud.weights, points, 0.04)
    one, other = (reverse_gap(each, COSINE, T, S, 0.2) for each in (cloud, whole))
    assert one == other
    divergence, variation = by_brute_force(whole, 0.2)
    assert one.divergence == pytest.approx(divergence, rel=1e-6)
    assert one.variation == pytest.approx(variation, rel=2e-3)


def test_times_in_single_precision_lose_only_their_own_digits() -> None:
    fine, coarse = (reverse_gap(DATA, COSINE, *pair) for pair in ((T, S), (T.float(), S)))
    close(double(fine.divergence), double(coarse.divergence), rtol=1e-5)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="one dimension, got 2"):
        reverse_gap(DoubleGaussian(), COSINE, T, S)
    with pytest.raises(ValueError, match="0 <= s < t <= 1"):
        reverse_gap(DATA, COSINE, S, T)
    with pytest.raises(ValueError, match="share must lie between 0 and 1, got 2"):
        reverse_gap(DATA, COSINE, T, S, 2.0)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        path_divergence(DATA, COSINE, 0)
