"""Pictures as densities, clean and at every time of every process."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.combinations import Pair, close, double, every_process, process_of

from snowmelt.densities import GaussianMixture, GridDensity, Picture
from snowmelt.densities.cells import log_sum_and_fractions
from snowmelt.diffusion.predictions import Eps, V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.sde import EulerMaruyama

VALUES = [[0.0, 1.0, 3.0], [2.0, 0.0, 0.5]]
BOUNDS = [[-1.0, 0.6], [0.0, 0.9]]
COSINE = VariancePreserving(Cosine())


def by_nodes(density: GridDensity, order: int = 12) -> GaussianMixture:
    """The same by Gauss-Legendre nodes in every cell: points, and so a mixture."""
    nodes, weights = (
        torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(order)
    )
    axes, shares = [], []
    for axis, count in enumerate(density.weights.shape):
        places = density.centres(axis)[:, None] + 0.5 * density.widths[axis] * nodes
        axes.append(places.flatten())
        shares.append((0.5 * weights).repeat(count))
    means = torch.cartesian_prod(*axes).reshape(-1, density.size)
    within = torch.cartesian_prod(*shares).reshape(len(means), -1).prod(1)
    cell = density.weights
    for axis in range(density.size):
        cell = cell.repeat_interleave(order, dim=axis)
    keep = cell.flatten() > 0
    weights = (cell.flatten() * within)[keep]
    return GaussianMixture(
        weights / weights.sum(), means[keep], float(density.std) ** 2 or 1e-30
    )


def test_the_clean_density_is_the_picture() -> None:
    ours = GridDensity(VALUES, BOUNDS)
    assert ours.size == 2
    values = torch.tensor(VALUES, dtype=torch.float64)
    box = (1.6 / 2) * (0.9 / 3)
    corners = torch.cartesian_prod(ours.centres(0), ours.centres(1))
    for shift in (-0.49, 0.0, 0.49):
        inside = corners + shift * torch.tensor([0.8, 0.3], dtype=torch.float64)
        close(ours.log_prob(inside).exp().reshape(2, 3), values / values.sum() / box)
    close(ours.log_prob(corners).exp().sum() * box, torch.ones((), dtype=torch.float64))
    outside = double(-1.01, 0.61, 5.0)[:, None] * double(1.0, 0.0) + double(0.0, 0.4)
    assert (ours.log_prob(outside) == -math.inf).all()
    assert (ours.log_prob(double(0.0, 0.91)[None]) == -math.inf).all()
    assert torch.equal(ours.score(corners), torch.zeros_like(corners))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_draws_are_those_of_the_picture(smoothing: float) -> None:
    ours, n = GridDensity(VALUES, BOUNDS, smoothing), 40_000
    x = ours.sample(n, seed=0, dtype=torch.float64)
    low, width = torch.tensor(BOUNDS, dtype=torch.float64)[:, 0], double(0.8, 0.3)
    if not smoothing:
        cell = ((x - low) / width).floor().long()
        counts = torch.zeros(2, 3, dtype=torch.float64)
        counts.index_put_((cell[:, 0], cell[:, 1]), double(1.0), accumulate=True)
        expected = ours.weights * n
        assert counts[ours.weights == 0].sum() == 0
        some = expected > 0
        # Chi-squared of 3 degrees of freedom exceeds 21 once in ten thousand times.
        assert ((counts - expected)[some] ** 2 / expected[some]).sum() < 21
        # Even inside the cells.
        inside = (((x - low) / width) % 1).sort(0).values
        ranks = (torch.arange(n)[:, None] + 0.5) / n
        assert (inside - ranks).abs().max() < 2.2 / math.sqrt(n)
    error = 4 * (ours.covariance().diagonal() / n).sqrt()
    assert ((x.mean(0) - ours.mean()).abs() < error).all()
    close(x.T.cov(), ours.covariance(), rtol=0.03, atol=0.005)
    assert torch.equal(ours.sample(7, seed=0), x[:7].float())
    assert not torch.equal(ours.sample(7, seed=1), x[:7].float())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_moments_are_exact(smoothing: float) -> None:
    ours = GridDensity(VALUES, BOUNDS, smoothing)
    theirs = by_nodes(ours)
    close(ours.mean(), theirs.mean(), rtol=1e-12)
    close(ours.covariance(), theirs.covariance(), rtol=1e-12, atol=1e-14)
    noisy, t = ours.at(COSINE, double(0.4)[0]), double(0.4)[0]
    alpha, sigma = COSINE.alpha(t), COSINE.sigma(t)
    close(noisy.mean(), alpha * ours.mean())
    expected = alpha**2 * ours.covariance() + sigma**2 * torch.eye(2, dtype=torch.float64)
    close(noisy.covariance(), expected, rtol=1e-12)
    x = noisy.sample(20_000, seed=2, dtype=torch.float64)
    close(x.T.cov(), expected, rtol=0.04, atol=0.01)


@every_process
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_noisy_densities_scores_and_means_by_quadrature(
    files: Pair, smoothing: float
) -> None:
    process = process_of(files)
    ours = GridDensity(VALUES, BOUNDS, smoothing)
    theirs = by_nodes(ours)
    grid = torch.linspace(0, 1, 101, dtype=torch.float64)
    # Noise that the nodes resolve, up to none of the signal.
    enough = grid[process.sigma(grid) / process.alpha(grid) > (0.0 if smoothing else 0.15)]
    for t in enough[:: max(1, len(enough) // 3)]:
        alpha, sigma = process.alpha(t), process.sigma(t)
        spread = (alpha**2 + sigma**2).sqrt()
        x = spread * torch.cartesian_prod(double(-1.7, -0.5, 0.6), double(-0.4, 0.33, 1.2))
        noisy, known = ours.at(process, t), theirs.at(process, t)
        close(noisy.log_prob(x), known.log_prob(x), rtol=1e-7, atol=1e-7)
        size = float(known.score(x).abs().max())
        close(noisy.score(x), known.score(x), rtol=1e-6, atol=1e-7 * size)
        mean = theirs.posterior_mean(x, process, t)
        close(ours.posterior_mean(x, process, t), mean, rtol=1e-6, atol=1e-7)
        x_0, eps = ours.estimates(x, alpha, sigma)
        close(alpha * x_0 + sigma * eps, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_what_is_noisy_may_be_data_again(smoothing: float) -> None:
    ours, (s, t) = GridDensity(VALUES, BOUNDS, smoothing), double(0.4, 0.7)
    once, theirs = ours.at(COSINE, s), by_nodes(ours).at(COSINE, s)
    x = torch.cartesian_prod(double(-1.7, -0.5, 0.6), double(-0.4, 0.33, 1.2))
    twice = once.at(COSINE, t)
    close(twice.log_prob(x), theirs.at(COSINE, t).log_prob(x), rtol=1e-9)
    close(twice.mean(), theirs.at(COSINE, t).mean(), rtol=1e-9)
    mean = theirs.posterior_mean(x, COSINE, t)
    close(once.posterior_mean(x, COSINE, t), mean, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("std", [1e-4, 0.03, 1.0, 300.0])
def test_the_score_is_the_gradient(std: float) -> None:
    ours = GridDensity(VALUES, BOUNDS, smoothing=std)
    generator = torch.Generator().manual_seed(0)
    # On both sides of what is taken by products and what by logarithms.
    x = torch.randn(40, 2, dtype=torch.float64, generator=generator) * max(std, 1.0)
    point = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(ours.log_prob(point).sum(), point)
    assert slope.isfinite().all()
    close(ours.score(x), slope, rtol=1e-7, atol=1e-9 / std)


def test_the_noisy_density_has_the_integral_one() -> None:
    ours = GridDensity(VALUES, BOUNDS, smoothing=0.1)
    ticks = torch.arange(-1.8, 1.8, 0.02, dtype=torch.float64)
    for noisy in (ours, ours.at(COSINE, double(0.1)[0])):
        total = noisy.log_prob(torch.cartesian_prod(ticks, ticks)).exp().sum() * 0.02**2
        assert float(total) == pytest.approx(1.0, abs=1e-6)


def test_products_and_logarithms_agree() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(4, 3, 2, dtype=torch.float64, generator=generator)
    weights[0, 0, 0] = 0.0
    logs = [
        5 * torch.randn(9, n, dtype=torch.float64, generator=generator) for n in (4, 3, 2)
    ]
    log_sum, shares = log_sum_and_fractions(weights, logs)
    joint = weights.log() + sum(
        log.reshape(9, *[-1 if a == axis else 1 for a in range(3)])
        for axis, log in enumerate(logs)
    )
    close(log_sum, joint.flatten(1).logsumexp(1))
    for axis, share in enumerate(shares):
        others = [a + 1 for a in range(3) if a != axis]
        close(share, joint.flatten(1).softmax(1).reshape(joint.shape).sum(others))
    # Mass only where no axis has its best cell: every product underflows.
    corner = torch.zeros(2, 2, dtype=torch.float64)
    corner[1, 1] = 1.0
    steep = [double(0.0, -900.0)[None], double(0.0, -1000.0)[None]]
    log_sum, shares = log_sum_and_fractions(corner, steep)
    close(log_sum, double(-1900.0))
    for share in shares:
        close(share, double(0.0, 1.0)[None])


@pytest.mark.parametrize("size", [1, 3])
def test_any_number_of_axes(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    values = torch.rand([4, 3, 2][:size], dtype=torch.float64, generator=generator)
    ours = GridDensity(values, smoothing=0.3)
    theirs = by_nodes(ours, 8)
    x = 1.5 * torch.randn(10, size, dtype=torch.float64, generator=generator)
    far = torch.cat((x, 60 * x))
    close(ours.log_prob(x), theirs.log_prob(x), rtol=1e-7, atol=1e-7)
    assert ours.log_prob(far).isfinite().all()
    close(ours.covariance(), theirs.covariance(), rtol=1e-10, atol=1e-12)
    close(ours.score(x), theirs.score(x), rtol=1e-6, atol=1e-6)
    assert ours.sample(5, seed=0).shape == (5, size)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.05])
def test_finite_at_both_ends_and_far_away(dtype: torch.dtype, smoothing: float) -> None:
    ours = GridDensity(VALUES, BOUNDS, smoothing)
    generator = torch.Generator().manual_seed(1)
    log_snr = torch.linspace(-30, 30, 40, dtype=dtype)
    for far in (1.0, 1e3):
        x = (far * torch.randn(40, 2, generator=generator)).to(dtype)
        for prediction in (Eps(), V()):
            answer = ours.denoiser(COSINE, prediction).net(x, log_snr)
            assert answer.dtype == dtype
            assert answer.isfinite().all()


def test_the_estimate_of_clean_data_is_the_data_and_of_noise_the_mean() -> None:
    ours, one = GridDensity(VALUES, BOUNDS), torch.ones((), dtype=torch.float64)
    x = ours.sample(30, seed=0, dtype=torch.float64)
    x_0, eps = ours.estimates(x, one, 0 * one)
    close(x_0, x, rtol=1e-9, atol=1e-9)
    assert torch.equal(eps, torch.zeros_like(eps))
    x_0, eps = ours.estimates(x, 0 * one, one)
    close(x_0, ours.mean().expand(30, 2), rtol=1e-12)
    close(eps, x, rtol=1e-12)
    # From outside it is the nearest place that has any density.
    x_0, _ = ours.estimates(double(3.0, 0.1)[None], one, 0 * one)
    close(x_0, double(0.6, 0.1)[None], rtol=1e-6)


def test_the_reverse_process_draws_the_picture() -> None:
    ring = torch.zeros(6, 6, dtype=torch.float64)
    ring[1, 1:5], ring[4, 1:5], ring[1:5, 1], ring[1:5, 4] = 1.0, 1.0, 1.0, 3.0
    ours = GridDensity(ring)
    denoiser = ours.denoiser(COSINE, V())
    x = sample(denoiser, EulerMaruyama(60), torch.arange(3000), (2,), seed=0).double()
    cell = ((x + 1) * 3).floor().long().clamp(0, 5)
    counts = torch.zeros(6, 6, dtype=torch.float64)
    counts.index_put_((cell[:, 0], cell[:, 1]), double(1.0), accumulate=True)
    assert counts[ring == 0].sum() < 0.03 * 3000
    close(counts / 3000, ours.weights, rtol=0, atol=0.02)


def test_a_picture_is_seen_the_right_way_up() -> None:
    ours = Picture([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], half_width=1.5)
    close(ours.low, double(-1.5, -1.0))
    close(ours.widths, double(1.0, 1.0))
    x = torch.tensor([[-1.0, 0.5], [1.0, 0.5], [-1.0, -0.5], [1.0, -0.5]]).double()
    close(ours.log_prob(x).exp() * 21, double(1.0, 3.0, 4.0, 6.0))


def test_an_event_may_be_a_picture_of_one_row() -> None:
    ours = GridDensity(VALUES, BOUNDS, smoothing=0.1)
    x = ours.sample(5, seed=0)
    column = x.reshape(5, 1, 2, 1)
    assert torch.equal(ours.log_prob(column), ours.log_prob(x))
    assert torch.equal(ours.score(column), ours.score(x).reshape(5, 1, 2, 1))
    with pytest.raises(ValueError, match=r"2 elements.*\(5, 3\)"):
        ours.log_prob(torch.zeros(5, 3))


NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "bounds", "smoothing", "named"),
    [
        (1.0, None, 0.0, "values must be a grid"),
        ([], None, 0.0, "values must be a grid"),
        ([1.0, -1.0], None, 0.0, "values must be finite, not negative"),
        ([1.0, NAN], None, 0.0, "values must be finite"),
        ([0.0, 0.0], None, 0.0, "not all zero"),
        ([1.0], [0.0, 1.0], 0.0, r"bounds of a grid of 1 axes must be \(1, 2\)"),
        ([1.0], [[1.0, 0.0]], 0.0, "bounds must be finite and rising"),
        ([1.0], [[1.0, NAN]], 0.0, "bounds must be finite and rising"),
        ([1.0], None, -0.1, "smoothing must be at least 0"),
        ([1.0], None, NAN, "smoothing must be at least 0"),
    ],
)
def test_what_is_no_grid_is_refused(
    values: object, bounds: object, smoothing: float, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        GridDensity(values, bounds, smoothing)


@pytest.mark.parametrize(
    ("rows", "half_width", "named"),
    [
        ([1.0], 1.0, "rows must be"),
        ([[1.0]], 0.0, "half_width"),
        ([[1.0]], NAN, "half_width"),
    ],
)
def test_what_is_no_picture_is_refused(rows: object, half_width: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Picture(rows, half_width)
