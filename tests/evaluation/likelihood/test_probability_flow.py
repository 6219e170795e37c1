"""The flow's likelihood equals the density that it carries, where that is known."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal as NormalDistribution

from snowmelt.densities import Gaussian, GaussianMixture
from snowmelt.diffusion.predictions import EDM, X0, Eps, V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Geometric, Linear, ZeroTerminal
from snowmelt.evaluation.likelihood.dequantisation import (
    Dequantisation,
    Noise,
    Uniform,
)
from snowmelt.evaluation.likelihood.divergences import Exact, Rademacher
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.likelihood.value_kinds import Levels, Points

MEAN, STD = 0.3, 0.6
DATA = Gaussian([MEAN], STD)
MIXTURE = GaussianMixture([0.3, 0.7], [[-0.8, 0.2], [0.6, -0.4]], [0.04, 0.09])
WIDE = Geometric(0.0025, 3000.0)  # ends in so much noise that the prior is the truth
X = torch.tensor([[-0.9], [0.3], [0.35], [1.4]], dtype=torch.float64)
INDEX = torch.arange(4)


def carried(process: Process, x: Tensor, first_time: float = 0.0) -> Tensor:
    """The density that the exact flow of Gaussian data carries back from the prior.

    The flow keeps quantiles: it is affine between the two marginals.
    """
    times = torch.tensor([first_time, 1.0], dtype=torch.float64)
    alpha, sigma = process.alpha(times), process.sigma(times)
    std = torch.sqrt((alpha * STD) ** 2 + sigma**2)
    x_1 = alpha[1] * MEAN + (x - alpha[0] * MEAN) * std[1] / std[0]
    prior = NormalDistribution(torch.zeros((), dtype=torch.float64), process.prior_std())
    return (prior.log_prob(x_1) + torch.log(std[1] / std[0]))[:, 0]


def test_on_gaussian_data_it_is_the_density_that_the_flow_carries(
    process: Process,
) -> None:
    if process.schedule.has_zero_terminal_snr:
        pytest.skip("refused; see below")
    flow, denoiser = ProbabilityFlow(64, Exact()), DATA.denoiser(process, X0())
    found, coarse = flow.log_prob(denoiser, X, INDEX, seed=0)
    torch.testing.assert_close(found, carried(process, X), rtol=0, atol=2e-5)
    # Of a method of fourth order, half of the steps leave some 15 errors more.
    left = (found - carried(process, X)).abs().max()
    assert left < 0.12 * (found - coarse).abs().max() + 1e-9


@pytest.mark.parametrize(
    "kind", [VariancePreserving, VarianceExploding, SubVariancePreserving]
)
@pytest.mark.parametrize("prediction", [X0(), Eps(), V(), EDM()])
def test_on_a_mixture_it_is_the_true_density(kind: type[Process], prediction: V) -> None:
    process = kind(WIDE)
    x = MIXTURE.sample(40, seed=0, dtype=torch.float64)
    denoiser = MIXTURE.denoiser(process, prediction)
    found, coarse = ProbabilityFlow(64, Exact()).log_prob(
        denoiser, x, torch.arange(40), seed=0
    )
    truth = MIXTURE.at(process, torch.zeros((), dtype=torch.float64)).log_prob(x)
    torch.testing.assert_close(found, truth, rtol=0, atol=5e-4)
    # Half of the steps are off by more: what is reported as the error is one.
    reported = (found - coarse).abs().max()
    assert (found - truth).abs().max() < reported < 2e-2


def test_it_converges_with_the_declared_order() -> None:
    process = VariancePreserving(Cosine())
    denoiser, truth = DATA.denoiser(process, X0()), carried(process, X)
    errors = []
    for steps in (32, 128):
        fine, coarse = ProbabilityFlow(steps, Exact()).log_prob(denoiser, X, INDEX, seed=0)
        errors += [float((one - truth).norm()) for one in (coarse, fine)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders[-1] == pytest.approx(ProbabilityFlow.order, abs=0.3)
    assert min(orders) > ProbabilityFlow.order - 0.3


def test_the_first_time_says_which_density_is_meant() -> None:
    process = VariancePreserving(Cosine())
    denoiser = DATA.denoiser(process, X0())
    flow = ProbabilityFlow(64, Exact(), first_time=0.4)
    found, _ = flow.log_prob(denoiser, X, INDEX, seed=0)
    torch.testing.assert_close(found, carried(process, X, 0.4), rtol=0, atol=1e-7)
    assert (found - carried(process, X)).abs().min() > 0.01


def test_random_probes_estimate_it_without_bias() -> None:
    # The flow of a Gaussian is linear, so the mean over all signs is the exact likelihood.
    covariance = [[0.5, 0.3], [0.3, 0.4]]
    process = VariancePreserving(Cosine())
    denoiser = Gaussian([0.0, 0.2], covariance=covariance).denoiser(process, X0())
    x = torch.tensor([[0.4, -0.7]], dtype=torch.float64).expand(400, 2)
    flow = ProbabilityFlow(16, Rademacher())
    found, _ = flow.log_prob(denoiser, x, torch.arange(400), seed=0)
    exact, _ = ProbabilityFlow(16, Exact()).log_prob(denoiser, x[:1], INDEX[:1], seed=0)
    # Signs that agree and signs that differ, equally likely, on either side of the truth.
    values = found.round(decimals=9).unique()
    assert len(values) == 2
    torch.testing.assert_close(values.mean()[None], exact)
    assert abs(float((found > exact).double().mean()) - 0.5) < 0.1


def test_dequantisation_costs_what_the_inequality_of_jensen_says() -> None:
    levels, data = Levels(5), GaussianMixture([0.5, 0.5], [[-0.6], [0.5]], [0.09, 0.04])
    process = VariancePreserving(WIDE)
    denoiser, flow = data.denoiser(process, V()), ProbabilityFlow(32, Exact())
    shifts = ((torch.arange(8, dtype=torch.float64) + 0.5) / 8).repeat(5)[:, None]
    x_0 = torch.linspace(-1, 1, 5, dtype=torch.float64).repeat_interleave(8)[:, None]
    x = levels.spread(x_0, shifts)
    log_prob, _ = flow.log_prob(denoiser, x, torch.arange(40), seed=0)
    nats = (levels.offset - log_prob).reshape(5, 8).mean(1)
    truth = data.log_prob(x).reshape(5, 8)
    torch.testing.assert_close(nats, levels.offset - truth.mean(1), rtol=0, atol=1e-3)
    # The mean of the density over a bin is its mass; that of the logarithm is less.
    mass = truth.exp().mean(1) * levels.width
    assert (nats > -mass.log()).all()


def test_bits_of_levels_and_of_points() -> None:
    process = VariancePreserving(Cosine())
    denoiser = DATA.denoiser(process, X0())
    flow = ProbabilityFlow(16, Exact(), dequantisation=Uniform())
    x_0 = torch.tensor([[-1.0], [0.0], [0.5], [1.0]], dtype=torch.float64)
    bits, error = flow.measure(denoiser, x_0, INDEX, Points(4.0), seed=0)
    fine, coarse = flow.log_prob(denoiser, x_0, INDEX, seed=0)
    torch.testing.assert_close(bits, 2.0 - fine / math.log(2))
    torch.testing.assert_close(error, (coarse - fine) / math.log(2))
    of_levels, _ = flow.measure(denoiser, x_0, INDEX, Levels(5), seed=0)
    # Somewhere within the bins, so between the least and the most that they hold; a bin
    # is half a unit wide, which makes a density a bit dearer than its level.
    ends = [x_0 + 0.5 * (torch.linspace(0, 1, 21).double() - 0.5)]
    inside = -carried(process, ends[0].reshape(-1, 1)).reshape(4, 21) / math.log(2) + 1.0
    assert (of_levels > inside.min(1).values - 1e-3).all()
    assert (of_levels < inside.max(1).values + 1e-3).all()
    other, _ = flow.measure(denoiser, x_0, INDEX, Levels(5), seed=1)
    assert not torch.equal(of_levels, other)


@pytest.mark.parametrize("start", [Uniform(), Noise()])
def test_an_example_has_its_numbers_in_any_batch(start: Dequantisation) -> None:
    process = VariancePreserving(Cosine())
    denoiser = MIXTURE.denoiser(process, V())
    flow = ProbabilityFlow(8, Rademacher(2), dequantisation=start)
    x_0 = torch.tensor([[-1.0, 0.0], [0.5, 1.0], [0.0, 0.0]])
    index = torch.tensor([7, 3, 11])
    whole, _ = flow.measure(denoiser, x_0, index, Levels(5), seed=0)
    parts = [
        flow.measure(denoiser, x_0[k : k + 1], index[k : k + 1], Levels(5), seed=0)[0]
        for k in range(3)
    ]
    torch.testing.assert_close(whole, torch.cat(parts))


def test_images_and_points_share_the_code() -> None:
    process = VariancePreserving(Cosine())
    data, flow = Gaussian([0.1, -0.2, 0.0, 0.4], 0.5), ProbabilityFlow(8, Exact())
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)
    flat, _ = flow.log_prob(data.denoiser(process, V()), x, INDEX[:3], seed=0)
    image = x.reshape(3, 1, 2, 2)
    found, _ = flow.log_prob(data.denoiser(process, V()), image, INDEX[:3], seed=0)
    torch.testing.assert_close(found, flat)


def test_zero_terminal_snr_is_refused() -> None:
    process = VariancePreserving(ZeroTerminal(Linear()))
    denoiser = DATA.denoiser(process, V())
    with pytest.raises(ValueError, match=r"zero terminal SNR.*the bound instead"):
        ProbabilityFlow().log_prob(denoiser, X, INDEX, seed=0)


@pytest.mark.parametrize("bad", [0, 1, 7, -2])
def test_an_odd_number_of_steps_is_refused(bad: int) -> None:
    with pytest.raises(ValueError, match=f"steps must be even and at least 2, got {bad}"):
        ProbabilityFlow(bad)


@pytest.mark.parametrize("bad", [-0.1, 1.0])
def test_a_first_time_outside_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="first_time must lie in"):
        ProbabilityFlow(first_time=bad)
