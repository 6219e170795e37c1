"""The reverse equation of a bridge, walked with the exact denoiser of a known one."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.sampling.exact_flows import COSINE, COUNT, STRAIGHT, ExactBridge
from torch import Tensor, nn

from snowmelt.densities import CoupledMixture, Gaussian, GaussianMixture
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser, bridge_losses
from snowmelt.diffusion.interpolants import BrownianBridge, Constant, Straight
from snowmelt.diffusion.predictions import Flow, V
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.samplers import DDIM, DPM, Euler, EulerMaruyama, Heun, sample
from snowmelt.sampling.samplers.thresholds import Clip


def bridge(
    law: CoupledMixture, process: Process, between: BrownianBridge | Constant
) -> BridgeDenoiser:
    net = ExactBridge(law, process, between, Flow())
    denoiser = BridgeDenoiser(net, process, Flow(), between)
    starts = law.start.sample(COUNT, seed=5, dtype=torch.float64)
    denoiser.start = lambda index, seed: starts[index]
    return denoiser


def walked(denoiser: BridgeDenoiser, sampler: EulerMaruyama) -> tuple[Tensor, Tensor]:
    """Where the ways begin, and where they end."""
    index = torch.arange(COUNT)
    assert denoiser.start is not None
    size = denoiser.net.law.size  # type: ignore[union-attr]
    return denoiser.start(index, 0), sample(denoiser, sampler, index, (size,), seed=0)


@pytest.mark.parametrize("eta", [0.5, 1.0, 1.5])
def test_every_member_of_the_family_ends_in_the_data(eta: float) -> None:
    data = Gaussian([1.0, -0.5], covariance=[[1.0, 0.4], [0.4, 0.6]])
    start = Gaussian([-2.0, 2.0], covariance=[[0.5, -0.2], [-0.2, 1.5]])
    law = CoupledMixture.entropic(data, start, 0.49)
    denoiser = bridge(law, STRAIGHT, BrownianBridge(0.7))
    _, found = walked(denoiser, EulerMaruyama(100, eta=eta))
    torch.testing.assert_close(found.mean(0), data.mean(), rtol=0, atol=0.1)
    torch.testing.assert_close(found.T.cov(), data.covariance(), rtol=0, atol=0.12)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("process", [STRAIGHT, COSINE], ids=["straight", "cosine"])
def test_a_step_is_that_of_the_equation(process: Process, eta: float) -> None:
    """Velocity and score by the exact law, g by the slope of the log-SNR."""
    law = CoupledMixture.independent(Gaussian([1.0], std=0.5), Gaussian([-1.0], std=1.0))
    between, h = BrownianBridge(0.6), 1e-6
    denoiser, sampler = bridge(law, process, between), EulerMaruyama(10, eta=eta)
    t, s = (torch.tensor(at, dtype=torch.float64) for at in (0.6, 0.45))
    x = torch.linspace(-2, 2, 5).double()[:, None]
    noise = torch.linspace(1, -1, 5).double()[None, :, None]
    fall = -(process.log_snr(t + h) - process.log_snr(t - h)) / (2 * h)
    spread = 0.5 * 0.6**2 * process.alpha(t) * process.sigma(t) * fall
    slope = law.velocity(x, process, between, t)
    slope = slope - 0.5 * eta**2 * spread * law.score(x, process, between, t)
    expected = x - (t - s) * slope + eta * (spread * (t - s)).sqrt() * noise[0]
    found = sampler.step(denoiser, x, t, s, noise, {})
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("between", [BrownianBridge(0.6), Constant(0.3)])
def test_the_last_step_leaves_out_the_noise_that_was_walked_with(
    between: BrownianBridge | Constant,
) -> None:
    """Without noise the effective end is the answer, with all of it the mean of the data,
    and in between the share is eta squared."""
    law = CoupledMixture.independent(Gaussian([1.0], std=0.5), Gaussian([-1.0], std=1.0))
    denoiser, t = bridge(law, STRAIGHT, between), torch.tensor(0.3, dtype=torch.float64)
    x = torch.linspace(-2, 2, 5).double()[:, None]
    means = law.estimates(x, STRAIGHT, between, t)
    effective = between.ends(STRAIGHT, *means, t)[0]
    assert float((effective - means[0]).abs().max()) > 0.05
    for eta in (0.0, 0.5, 1.0):
        expected = effective + eta**2 * (means[0] - effective)
        found = EulerMaruyama(10, eta=eta).last(denoiser, x, t)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


def test_the_schroedinger_bridge_pairs_its_ends_by_the_entropic_plan() -> None:
    """Normal laws at -0.1 and 0.1, noise 1: the covariance of the ends is 0.618."""
    data, start = Gaussian([0.1], std=1.0), Gaussian([-0.1], std=1.0)
    law = CoupledMixture.entropic(data, start, 1.0)
    begun, found = walked(bridge(law, STRAIGHT, BrownianBridge(1.0)), EulerMaruyama(100))
    both = torch.cat((begun, found), 1).T.cov()
    assert float(both[0, 1]) == pytest.approx(0.5 * (math.sqrt(5.0) - 1.0), abs=0.06)
    assert float(both[1, 1]) == pytest.approx(1.0, abs=0.08)


def test_a_bridge_between_mixtures_keeps_its_plan() -> None:
    on_data = GaussianMixture([0.4, 0.6], [[-1.0], [1.0]], [0.15, 0.15])
    on_start = GaussianMixture([0.5, 0.5], [[0.4], [-0.4]], [0.2, 0.2])
    law = CoupledMixture.of_potentials(on_data, on_start, 0.5)
    between = BrownianBridge(math.sqrt(0.5))
    begun, found = walked(bridge(law, STRAIGHT, between), EulerMaruyama(150))
    whole = law.pair.covariance()
    both = torch.cat((found, begun), 1).T.cov()
    torch.testing.assert_close(both, whole, rtol=0.08, atol=0.05)
    share = float((law.data.sample(20_000, seed=1) < 0).double().mean())
    assert float((found < 0).double().mean()) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("process", [STRAIGHT, COSINE], ids=["straight", "cosine"])
def test_noise_that_stays_has_a_score_too(process: Process) -> None:
    data, start = Gaussian([1.0], std=0.5), Gaussian([-1.0], std=1.0)
    law = CoupledMixture.independent(data, start)
    denoiser = bridge(law, process, Constant(0.3))
    t, x = (
        torch.tensor(0.4, dtype=torch.float64),
        torch.linspace(-1, 1, 5)[:, None].double(),
    )
    expected = law.score(x, process, Constant(0.3), t)
    torch.testing.assert_close(denoiser.score(x, t), expected, rtol=1e-6, atol=1e-8)


def test_without_noise_a_bridge_is_walked_by_its_flow() -> None:
    data, start = Gaussian([1.0], std=0.5), Gaussian([-1.0], std=1.0)
    denoiser = bridge(
        CoupledMixture.entropic(data, start, 0.25), STRAIGHT, BrownianBridge(0.5)
    )
    index = torch.arange(50)
    ways = [
        sample(denoiser, sampler, index, (1,), seed=0)
        for sampler in (EulerMaruyama(400, eta=0.0), Heun(200), DPM(200))
    ]
    torch.testing.assert_close(ways[0], ways[1], rtol=0, atol=0.05)
    torch.testing.assert_close(ways[1], ways[2], rtol=0, atol=0.05)


@pytest.mark.parametrize("between", [BrownianBridge(1.0), Constant(0.6)])
@pytest.mark.parametrize("kind", [Euler, Heun, DDIM, DPM, EulerMaruyama])
def test_a_threshold_holds_the_data_and_not_its_noise(
    kind: Any, between: BrownianBridge | Constant
) -> None:
    """The effective end leaves the range of the data, whose mean does not."""
    inside, start = Gaussian([0.5], std=0.1), Gaussian([-0.5], std=0.1)
    denoiser = bridge(CoupledMixture.independent(inside, start), STRAIGHT, between)
    t = torch.tensor(0.5, dtype=torch.float64)
    x = torch.linspace(-2, 2, 9).double()[:, None]
    x_0_hat, _, z_hat = denoiser.bridge(x, t)
    assert float(x_0_hat.max()) > 1.2
    assert float(denoiser.data(x_0_hat, z_hat, t).abs().max()) < 1.0
    settings = {"eta": 0.0} if kind is DDIM else {}
    free, held = (kind(20, threshold=one, **settings) for one in (None, Clip()))
    index = torch.arange(200)
    found = [sample(denoiser, one, index, (1,), seed=0) for one in (free, held)]
    assert float(found[0].std()) > 0.01
    assert torch.equal(*found)


def test_data_beyond_the_range_is_cut() -> None:
    far, start = Gaussian([1.5], std=0.1), Gaussian([-0.5], std=0.1)
    denoiser = bridge(CoupledMixture.independent(far, start), STRAIGHT, BrownianBridge(0.5))
    x, t = torch.ones(1, 1).double(), torch.tensor(0.5, dtype=torch.float64)
    x_0_hat, x_1_hat = EulerMaruyama(10, threshold=Clip()).estimates(denoiser, x, t)
    *_, z_hat = denoiser.bridge(x, t)
    kept = denoiser.data(x_0_hat, z_hat, t)
    torch.testing.assert_close(kept, torch.ones_like(x))
    torch.testing.assert_close(0.5 * x_0_hat + 0.5 * x_1_hat, x)  # still what they are of
    _, found = walked(denoiser, EulerMaruyama(100, threshold=Clip()))
    assert float(found.max()) <= 1.0 + 1e-9


def test_other_noise_than_that_of_a_bridge_is_refused() -> None:
    law = CoupledMixture.entropic(Gaussian([1.0], std=0.5), Gaussian([0.0], std=1.0), 0.25)
    denoiser = bridge(law, STRAIGHT, BrownianBridge(0.5))
    with pytest.raises(ValueError, match="does not know"):
        sample(denoiser, DDIM(3, eta=1.0), torch.arange(2), (1,), seed=0)
    with pytest.raises(ValueError, match="its score, and no variance"):
        denoiser.with_variance(torch.zeros(2, 1), torch.tensor(0.5))
    with pytest.raises(ValueError, match="no score to answer"):
        BridgeDenoiser(nn.Identity(), STRAIGHT, Flow(), Straight())


def test_the_exact_denoiser_has_the_least_loss() -> None:
    law = CoupledMixture.entropic(Gaussian([1.0], std=0.5), Gaussian([-1.0], std=1.0), 0.25)
    between = BrownianBridge(0.5)
    x_0, x_1 = law.sample(COUNT, seed=2)
    z = torch.randn(COUNT, 1, generator=torch.Generator().manual_seed(0)).double()
    t = torch.tensor(0.4, dtype=torch.float64)
    ends = between.ends(COSINE, x_0, x_1, z, t)

    def loss(shift: float, noise: float) -> float:
        net = ExactBridge(law, COSINE, between, V())
        whole = net.forward
        moved = torch.tensor([shift, noise], dtype=torch.float64)
        net.forward = lambda *given: whole(*given) + moved  # type: ignore[method-assign]
        denoiser = BridgeDenoiser(net, COSINE, V(), between)
        return float(bridge_losses(denoiser, *ends, z, t).mean())

    best = loss(0.0, 0.0)
    for shift, noise in ((0.1, 0.0), (-0.1, 0.0), (0.0, 0.1), (0.0, -0.1)):
        assert best < loss(shift, noise) == pytest.approx(best + 0.01, abs=0.006)


def test_the_same_bridge_around_another_network() -> None:
    law = CoupledMixture.entropic(Gaussian([1.0], std=0.5), Gaussian([-1.0], std=1.0), 0.25)
    denoiser = bridge(law, STRAIGHT, BrownianBridge(0.5))
    other = denoiser.around(denoiser.net)
    assert isinstance(other, BridgeDenoiser)
    assert other.start is denoiser.start
    assert other.interpolant is denoiser.interpolant
