"""Mixtures of normals against torch, quadrature and the Fokker-Planck equation."""

from __future__ import annotations

import pytest
import torch
from tests.combinations import Pair, close, double, every_process, process_of
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from snowmelt.densities import Gaussian, GaussianMixture
from snowmelt.diffusion.predictions import EDM, X0, Eps, Score, V
from snowmelt.diffusion.processes import Process, SubVariancePreserving
from snowmelt.diffusion.schedules import Linear

WEIGHTS, MEANS = [0.2, 0.5, 0.3], [[0.7, -0.4], [-1.0, 0.5], [0.0, 2.0]]
FULL = torch.tensor(
    [[[0.2, 0.1], [0.1, 0.3]], [[1.0, -0.7], [-0.7, 0.6]], [[0.1, 0.0], [0.0, 0.4]]],
    dtype=torch.float64,
)
EACH = [0.3, 0.1, 2.0]
SPREADS = {
    "one": (0.3, torch.diag_embed(double(0.3).expand(3, 2))),
    "each": (
        [0.3, 0.1, 2.0],
        torch.diag_embed(double(0.3, 0.1, 2.0)[:, None].expand(3, 2)),
    ),
    "axes": ([[0.3, 0.1], [1.0, 2.0], [0.4, 0.4]], None),
    "full": (FULL, FULL),
}
every_spread = pytest.mark.parametrize("spread", SPREADS)
POINTS = torch.randn(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


SUB_VP = SubVariancePreserving(Linear())


def mixture(spread: str) -> GaussianMixture:
    return GaussianMixture(WEIGHTS, MEANS, SPREADS[spread][0])


def reference(spread: str) -> MixtureSameFamily:
    given, full = SPREADS[spread]
    if full is None:
        full = torch.diag_embed(torch.tensor(given, dtype=torch.float64))
    means = torch.tensor(MEANS, dtype=torch.float64)
    parts = MultivariateNormal(means, full.double())
    return MixtureSameFamily(Categorical(double(*WEIGHTS)), parts)


@every_spread
def test_density_and_score_are_those_of_torch(spread: str) -> None:
    ours, theirs = mixture(spread), reference(spread)
    x = (2 * POINTS).requires_grad_()
    log_prob = theirs.log_prob(x)
    (score,) = torch.autograd.grad(log_prob.sum(), x)
    close(ours.log_prob(x.detach()), log_prob.detach(), rtol=1e-10)
    close(ours.score(x.detach()), score, rtol=1e-9, atol=1e-10)
    # The general way, by differentiating, comes to the same.
    close(super(GaussianMixture, ours).score(x.detach()), score, rtol=1e-9, atol=1e-10)
    close(ours.mean(), theirs.mean)
    close(ours.covariance().diagonal(), theirs.variance)


@every_spread
def test_draws_have_the_moments_and_the_shares(spread: str) -> None:
    ours, n = mixture(spread), 40_000
    x = ours.sample(n, seed=0, dtype=torch.float64)
    covariance = ours.covariance()
    error = 4 * (covariance.diagonal() / n).sqrt()
    assert ((x.mean(0) - ours.mean()).abs() < error).all()
    scale = covariance.diagonal().sqrt()
    close(
        x.T.cov() / torch.outer(scale, scale),
        covariance / torch.outer(scale, scale),
        0,
        0.05,
    )
    # The mean of log q(x) over the draws is minus the entropy, here by torch's own draws.
    torch.manual_seed(0)
    theirs = reference(spread).sample((n,))
    one, other = ours.log_prob(x), ours.log_prob(theirs)
    assert abs(one.mean() - other.mean()) < 4 * ((one.var() + other.var()) / n).sqrt()
    assert abs(one.var() / other.var() - 1) < 0.1


def test_draws_are_keyed_by_their_number() -> None:
    ours = mixture("full")
    x = ours.sample(100, seed=3)
    assert x.dtype == torch.float32
    assert torch.equal(ours.sample(10, seed=3), x[:10])
    assert not torch.equal(ours.sample(100, seed=4), x)
    close(ours.sample(100, seed=3, dtype=torch.float64).float(), x, rtol=1e-6, atol=1e-6)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    ours.sample(10, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("size", [1, 3, 6])
def test_any_number_of_dimensions(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    root, means = torch.randn(2, 4, size, size, dtype=torch.float64, generator=generator)
    full = root @ root.mT + 0.1 * torch.eye(size, dtype=torch.float64)
    means = means[:, 0]
    ours = GaussianMixture([0.25] * 4, means, full)
    theirs = MixtureSameFamily(
        Categorical(double(*[0.25] * 4)), MultivariateNormal(means, full)
    )
    x = ours.sample(50, seed=0, dtype=torch.float64)
    close(ours.log_prob(x), theirs.log_prob(x), rtol=1e-9)
    between = means - means.mean(0)
    close(ours.covariance(), full.mean(0) + between.T @ between / 4, rtol=1e-9, atol=1e-12)


def test_an_event_may_be_a_picture() -> None:
    ours = Gaussian(torch.linspace(-1, 1, 12), std=0.5)
    x = ours.sample(5, seed=0)
    picture = x.reshape(5, 3, 2, 2)
    assert torch.equal(ours.log_prob(picture), ours.log_prob(x))
    assert torch.equal(ours.score(picture), ours.score(x).reshape(5, 3, 2, 2))
    assert ours.score(picture).dtype == ours.log_prob(picture).dtype == torch.float32
    with pytest.raises(ValueError, match=r"12 elements.*\(5, 3\)"):
        ours.log_prob(x[:, :3])


# ---- with noise

LINE = GaussianMixture([0.4, 0.6], [[-0.5], [0.8]], [0.04, 0.09])
CLEAN = torch.linspace(-3, 3, 3001, dtype=torch.float64)[:, None]


def joint(process: Process, t: Tensor, x_t: Tensor) -> tuple[Tensor, Tensor]:
    """The log density of x_t and the mean of x_0 given it, by quadrature over x_0."""
    noise = torch.distributions.Normal(process.alpha(t) * CLEAN, process.sigma(t))
    log_weight = LINE.log_prob(CLEAN)[:, None] + noise.log_prob(x_t.T)
    step = float(CLEAN[1] - CLEAN[0])
    log_prob = log_weight.logsumexp(0) + torch.tensor(step).double().log()
    return log_prob, (log_weight.softmax(0) * CLEAN).sum(0)


@every_process
def test_noisy_densities_and_posterior_means_by_quadrature(files: Pair) -> None:
    process = process_of(files)
    # Noise that the grid of 3001 points resolves, up to none of the signal.
    grid = torch.linspace(0, 1, 101, dtype=torch.float64)
    enough = grid[process.sigma(grid) / process.alpha(grid) > 0.02]
    for t in enough[:: max(1, len(enough) // 4)]:
        spread = float((process.alpha(t) ** 2 + process.sigma(t) ** 2).sqrt())
        x_t = spread * torch.linspace(-1.5, 1.5, 7, dtype=torch.float64)[:, None]
        log_prob, mean = joint(process, t, x_t)
        close(LINE.at(process, t).log_prob(x_t), log_prob, rtol=1e-7, atol=1e-7)
        found = LINE.posterior_mean(x_t, process, t)
        close(found, mean[:, None], rtol=1e-7, atol=1e-7)
        assert torch.equal(found, LINE.posterior_mean(x_t, process, t.expand(7)))
        assert LINE.posterior_mean(x_t.float(), process, t).dtype == torch.float32


@every_process
def test_noisy_densities_obey_the_fokker_planck_equation(files: Pair) -> None:
    # d log q/dt = -f (1 + x s) + g^2/2 (ds/dx + s^2) in one dimension, s the score.
    process, h = process_of(files), 1e-5
    for t in double(0.0505, 0.3505, 0.7505, 0.9505):
        scale = (process.alpha(t) ** 2 + process.sigma(t) ** 2).sqrt()
        x = (scale * torch.linspace(-1, 1, 5, dtype=torch.float64))[:, None]
        before, after = LINE.at(process, t - h), LINE.at(process, t + h)
        slope = (after.log_prob(x) - before.log_prob(x)) / (2 * h)
        point = x.clone().requires_grad_()
        # The score as a function of x, with a graph: the log density twice differentiated.
        log_prob = LINE.at(process, t).log_prob(point)
        (score,) = torch.autograd.grad(log_prob.sum(), point, create_graph=True)
        (bend,) = torch.autograd.grad(score.sum(), point)
        score, f = score.detach(), process.drift(t)
        noise = 0.5 * process.diffusion_sq(t) * (bend + score**2)
        expected = -f * (1 + x * score) + noise
        size = float(expected.abs().max())
        close(slope[:, None], expected, rtol=1e-4, atol=1e-4 * size)


def test_noise_in_two_steps_is_noise_in_one() -> None:
    full = mixture("full")
    for files in ((0.2, 0.9), (0.5, 0.6)):
        process = SUB_VP
        s, t = double(*files)
        early, late = full.at(process, s), full.at(process, t)
        ratio, added = (
            process.alpha(t) / process.alpha(s),
            process.transition_variance(s, t),
        )
        close(early.means * ratio, late.means)
        close(early.variances * ratio**2 + added, late.variances)
        close(full.means, mixture("full").means)


@every_spread
def test_both_means_make_up_the_state(spread: str) -> None:
    angle = torch.linspace(0, torch.pi / 2, 40, dtype=torch.float64)[:, None]
    alpha, sigma = angle.cos(), angle.sin()
    x_0, eps = mixture(spread).estimates(POINTS, alpha, sigma)
    close(alpha * x_0 + sigma * eps, POINTS, rtol=1e-9, atol=1e-12)
    # Tweedie's formula, where there is noise.
    scores = []
    for row in range(40):
        noisy = mixture(spread)
        noisy.means = alpha[row] * noisy.means
        noisy.variances = alpha[row] ** 2 * noisy.variances + sigma[row] ** 2
        scores.append(noisy.score(POINTS[row : row + 1]))
    close(eps, -sigma * torch.cat(scores), rtol=1e-9, atol=1e-12)
    close(x_0[0], POINTS[0])
    # The last alpha is the cosine of what float64 has for a right angle, 6e-17.
    close(x_0[-1], mixture(spread).mean(), atol=1e-12)


@every_spread
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("far", [1.0, 1e3])
def test_finite_at_both_ends(spread: str, dtype: torch.dtype, far: float) -> None:
    x = far * POINTS.to(dtype)
    log_snr = torch.linspace(-30, 30, 40, dtype=dtype)
    for prediction in (Eps(), X0(), V(), Score(), EDM()):
        net = mixture(spread).denoiser(SUB_VP, prediction).net
        answer = net(x, log_snr)
        assert answer.dtype == dtype
        assert answer.shape == x.shape
        assert answer.isfinite().all()
    assert mixture(spread).log_prob(x).isfinite().all()
    assert mixture(spread).score(x).isfinite().all()


def test_labels_choose_components() -> None:
    ours, one = mixture("full"), torch.ones((), dtype=torch.float64)
    x, angle = POINTS[:4], 0.8 * one
    labels = torch.tensor([0, 1, 2, -1])
    x_0, eps = ours.estimates(x, angle.cos(), angle.sin(), labels)
    for row, label in enumerate(labels.tolist()):
        alone = ours if label < 0 else Gaussian(MEANS[label], covariance=FULL[label])
        expected = alone.estimates(x[row : row + 1], angle.cos(), angle.sin())
        close(x_0[row], expected[0][0])
        close(eps[row], expected[1][0])
    for wrong in (3, -2):
        with pytest.raises(ValueError, match="labels must lie between -1 and 2"):
            ours.estimates(x, one, one, torch.full((4,), wrong))


# ---- what is refused


@pytest.mark.parametrize(
    ("weights", "means", "covariances", "named"),
    [
        ([0.5, 0.6], [[0.0], [1.0]], 1.0, "weights.*1.1"),
        ([1.5, -0.5], [[0.0], [1.0]], 1.0, "weights.*positive"),
        ([1.0, 0.0], [[0.0], [1.0]], 1.0, "weights.*positive"),
        ([float("nan"), 1.0], [[0.0], [1.0]], 1.0, "weights"),
        ([], [], 1.0, "weights"),
        ([1.0], [[0.0], [1.0]], 1.0, "means.*1 weights"),
        ([1.0], [0.0], 1.0, "means"),
        ([1.0], [[float("inf")]], 1.0, "means must be finite"),
        ([0.5, 0.5], [[0.0], [1.0]], 0.0, "covariances must be positive"),
        ([0.5, 0.5], [[0.0], [1.0]], [1.0, -1.0], "covariances must be positive"),
        ([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0, 1.0], "covariances of 2 components"),
        ([1.0], [[0.0, 1.0]], [[float("nan"), 1.0]], "covariances must be finite"),
        ([1.0], [[0.0, 1.0]], [[[1.0, 0.2], [0.1, 1.0]]], "symmetric"),
        ([1.0], [[0.0, 1.0]], [[[1.0, 1.0], [1.0, 1.0]]], "positive definite"),
        ([1.0], [[0.0, 1.0]], [[[1.0, 2.0], [2.0, 1.0]]], "positive definite"),
    ],
)
def test_what_is_no_mixture_is_refused(
    weights: list[float], means: list[list[float]], covariances: object, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        GaussianMixture(weights, means, covariances)
