"""The exact step back by Bayes' rule, and the moments of the normal ones."""

from __future__ import annotations

import pytest
import torch
from tests.combinations import Pair, close, double, every_process, process_of
from torch import Tensor
from torch.distributions import Independent, Normal

from snowmelt.densities import DoubleGaussian, Gaussian, GaussianMixture, KernelDensity
from snowmelt.densities.reverse_kernel import closest_normal, ddpm_kernel, reverse_kernel
from snowmelt.diffusion.processes import Process, SubVariancePreserving, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Linear, ZeroTerminal

FULL = torch.tensor(
    [[[0.2, 0.1], [0.1, 0.3]], [[1.0, -0.7], [-0.7, 0.6]]], dtype=torch.float64
)
CLOUD = torch.randn(30, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
DENSITIES: dict[str, GaussianMixture] = {
    "line": DoubleGaussian(size=1),
    "plane": DoubleGaussian(),
    "rotated": GaussianMixture([0.2, 0.8], [[0.7, -0.4], [-1.0, 0.5]], FULL),
    "kernel": KernelDensity(CLOUD, [0.2, 0.1]),
    "space": GaussianMixture([0.5, 0.5], [[0.0] * 4, [1.0] * 4], [0.1, 0.4]),
}
every_density = pytest.mark.parametrize("name", DENSITIES)
COSINE = VariancePreserving(Cosine())
SUB_VP = SubVariancePreserving(Linear())
TERMINAL = VariancePreserving(ZeroTerminal(Cosine()))
TIMES = [(0.0, 0.2), (0.3, 0.35), (0.2, 0.9), (0.0, 1.0), (0.98, 1.0)]


def state(density: GaussianMixture, process: Process, t: Tensor) -> Tensor:
    return density.at(process, t).sample(1, seed=2, dtype=torch.float64)[0]


def obeys_bayes(density: GaussianMixture, process: Process, s: Tensor, t: Tensor) -> None:
    """q(x_s | x_t) q(x_t) = q(x_t | x_s) q(x_s), at every point of the kernel."""
    x_t = state(density, process, t)
    kernel = reverse_kernel(density, process, x_t, t, s)
    own = kernel.sample(20, seed=0, dtype=torch.float64)
    other = density.at(process, s).sample(20, seed=1, dtype=torch.float64)
    # Nearer to the kernel, whose density is not so small there as to be all rounding.
    x_s = torch.cat((own, own + 0.1 * (other - own)))
    mean, variance = process.transition(x_s, s, t)
    forward = Independent(Normal(mean, variance.sqrt()), 1)
    joint = forward.log_prob(x_t) + density.at(process, s).log_prob(x_s)
    expected = joint - density.at(process, t).log_prob(x_t[None])
    found = kernel.log_prob(x_s)
    # What is lost is what one normal density of these points loses.
    exponent = ((x_t - mean) ** 2 / variance).sum(1).abs()
    assert ((found - expected).abs() <= 1e-8 + 1e-9 * exponent + 1e-9 * joint.abs()).all()


@every_process
def test_the_kernel_is_bayes_rule_for_every_process(files: Pair) -> None:
    for s, t in ((0.2, 0.3), (0.05, 0.8)):
        obeys_bayes(DENSITIES["rotated"], process_of(files), *double(s, t))


@every_density
@pytest.mark.parametrize("process", [COSINE, SUB_VP, TERMINAL])
@pytest.mark.parametrize("times", TIMES)
def test_the_kernel_is_bayes_rule_for_every_density(
    name: str, process: Process, times: tuple[float, float]
) -> None:
    obeys_bayes(DENSITIES[name], process, *double(*times))


@every_density
@pytest.mark.parametrize("times", TIMES)
def test_both_normal_steps_have_the_mean_of_the_kernel(
    name: str, times: tuple[float, float]
) -> None:
    density, (s, t) = DENSITIES[name], double(*times)
    x_t = state(density, SUB_VP, t)
    kernel = reverse_kernel(density, SUB_VP, x_t, t, s)
    closest = closest_normal(kernel)
    assert isinstance(closest, Gaussian)
    close(closest.mean(), kernel.mean(), rtol=1e-12, atol=1e-14)
    close(closest.covariance(), kernel.covariance(), rtol=1e-9, atol=1e-14)
    for share in (0.0, 0.4, 1.0):
        ddpm = ddpm_kernel(density, SUB_VP, x_t, t, s, share)
        close(ddpm.mean(), kernel.mean(), rtol=1e-8, atol=1e-10)
    small, large = (SUB_VP.posterior_variance(t, s), SUB_VP.transition_variance(s, t))
    eye = torch.eye(density.size, dtype=torch.float64)
    for share, variance in ((0.0, small), (0.5, (small * large).sqrt()), (1.0, large)):
        ddpm = ddpm_kernel(density, SUB_VP, x_t, t, s, share)
        close(ddpm.covariance(), variance * eye, rtol=1e-10)


@every_density
def test_the_variance_is_that_given_the_data_and_of_what_is_not_known_of_it(
    name: str,
) -> None:
    density, (s, t) = DENSITIES[name], double(0.3, 0.4)
    x_t = state(density, COSINE, t)
    kernel = reverse_kernel(density, COSINE, x_t, t, s)
    # Cov[x_s | x_t] = variance + slope^2 Cov[x_0 | x_t]; the covariance of the data given
    # the state is the slope of the posterior mean: sigma^2 / alpha dE[x_0 | x_t]/dx_t.
    slope = COSINE.alpha(s) * -torch.expm1(COSINE.log_snr(t) - COSINE.log_snr(s))
    jacobian = torch.autograd.functional.jacobian(
        lambda x: density.posterior_mean(x[None], COSINE, t)[0], x_t
    )
    unknown = COSINE.sigma(t) ** 2 / COSINE.alpha(t) * jacobian
    eye = torch.eye(density.size, dtype=torch.float64)
    expected = COSINE.posterior_variance(t, s) * eye + slope**2 * unknown
    close(kernel.covariance(), expected, rtol=1e-8, atol=1e-12)


def test_given_with_a_covariance_of_rank_one_more() -> None:
    # By the rule of Kalman: gain = a C / (a^2 C + c^2).
    density = Gaussian([0.4, -0.2], covariance=FULL[1])
    y, a, c = double(1.0, 2.0), double(0.7)[0], double(0.3)[0]
    shares, means, variances = density.posterior(y[None], a, c)
    eye = torch.eye(2, dtype=torch.float64)
    gain = a * FULL[1] @ torch.linalg.inv(a**2 * FULL[1] + c**2 * eye)
    mean = density.mean() + gain @ (y - a * density.mean())
    assert shares.tolist() == [[1.0]]
    close(means[0, 0], mean, rtol=1e-10)
    assert density.axes is not None
    found = density.axes[0] @ torch.diag(variances[0]) @ density.axes[0].T
    close(found, FULL[1] - gain @ (a * FULL[1]), rtol=1e-9, atol=1e-12)


def test_the_step_of_normal_data_is_normal() -> None:
    s, t = double(0.2, 0.7)
    unit = Gaussian([0.0, 0.0], std=1.0)
    x_t = double(0.5, -1.0)
    kernel = reverse_kernel(unit, COSINE, x_t, t, s)
    for other in (
        closest_normal(kernel),
        # The variance of the step forward is right for data of unit variance.
        ddpm_kernel(unit, COSINE, x_t, t, s, share=1.0),
    ):
        close(kernel.mean(), other.mean(), rtol=1e-10)
        close(kernel.covariance(), other.covariance(), rtol=1e-9, atol=1e-15)
    # And that of the posterior given the data for data of one point.
    point = Gaussian([0.3, 0.1], std=1e-9)
    kernel = reverse_kernel(point, COSINE, x_t, t, s)
    ddpm = ddpm_kernel(point, COSINE, x_t, t, s)
    close(kernel.covariance(), ddpm.covariance(), rtol=1e-9, atol=1e-15)
    close(kernel.mean(), ddpm.mean(), rtol=1e-9)


def test_single_precision_is_taken_up_to_double() -> None:
    density, (s, t) = DENSITIES["rotated"], torch.tensor([0.3, 0.4])
    x_t = torch.tensor([0.3, -0.7])
    exact = (x_t.double(), t.double(), s.double())
    for kernel in (reverse_kernel, ddpm_kernel):
        found, expected = (
            kernel(density, COSINE, *arguments) for arguments in ((x_t, t, s), exact)
        )
        assert torch.equal(found.means, expected.means)
        assert torch.equal(found.variances, expected.variances)


def test_one_step_from_pure_noise_is_the_data() -> None:
    s, t = double(0.0, 1.0)
    data = DENSITIES["plane"]
    kernel = reverse_kernel(data, TERMINAL, double(0.3, -2.0), t, s)
    x = data.sample(30, seed=0, dtype=torch.float64)
    close(kernel.log_prob(x), data.at(TERMINAL, s).log_prob(x), rtol=1e-9, atol=1e-9)


def test_a_component_that_has_no_share_is_no_trouble() -> None:
    s, t = double(0.001, 0.002)
    density = DoubleGaussian(std=0.02, size=1)
    kernel = reverse_kernel(density, COSINE, double(0.9), t, s)
    assert kernel.weights[0] == 0.0
    x = kernel.sample(50, seed=0, dtype=torch.float64)
    for values in (x, kernel.log_prob(x), kernel.score(x), closest_normal(kernel).mean()):
        assert values.isfinite().all()
    assert density.weights[0] > 0.29


@pytest.mark.parametrize(
    ("x_t", "s", "t", "named"),
    [
        ([0.0, 1.0, 2.0], 0.1, 0.2, "one state of 2 elements"),
        ([[0.0, 1.0]], 0.1, 0.2, "one state of 2 elements"),
        ([0.0, 1.0], 0.2, 0.2, "0 <= s < t <= 1, got s = 0.2, t = 0.2"),
        ([0.0, 1.0], 0.3, 0.2, "0 <= s < t <= 1"),
        ([0.0, 1.0], -0.1, 0.2, "0 <= s < t <= 1"),
        ([0.0, 1.0], 0.1, 1.2, "0 <= s < t <= 1"),
    ],
)
def test_what_is_no_step_back_is_refused(x_t: list, s: float, t: float, named: str) -> None:
    times = (double(value)[0] for value in (t, s))
    state = torch.tensor(x_t, dtype=torch.float64)
    with pytest.raises(ValueError, match=named):
        reverse_kernel(DENSITIES["plane"], COSINE, state, *times)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    x_t, t, s = double(0.0, 0.0), double(0.4)[0], double(0.2)[0]
    with pytest.raises(ValueError, match="share must lie between 0 and 1"):
        ddpm_kernel(DENSITIES["plane"], COSINE, x_t, t, s, share)
