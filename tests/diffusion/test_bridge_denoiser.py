"""The denoiser of a bridge whose law is known: its formulas, without a sampler."""

from __future__ import annotations

import pytest
import torch
from tests.combinations import close
from tests.sampling.exact_flows import COSINE, STRAIGHT, ExactBridge
from torch import Tensor, nn

from snowmelt.densities import CoupledMixture, Gaussian
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser, bridge_losses
from snowmelt.diffusion.interpolants import BrownianBridge, Constant, Interpolant
from snowmelt.diffusion.predictions import Flow
from snowmelt.diffusion.processes import Process

LAW = CoupledMixture.independent(
    Gaussian([1.0, -0.5], covariance=[[1.0, 0.4], [0.4, 0.6]]),
    Gaussian([-2.0, 2.0], covariance=[[0.5, -0.2], [-0.2, 1.5]]),
)
X = torch.tensor([[0.3, -1.0], [-2.0, 0.5], [1.5, 1.5]], dtype=torch.float64)
T = torch.tensor(0.4, dtype=torch.float64)
every_process = pytest.mark.parametrize(
    "process", [STRAIGHT, COSINE], ids=["straight", "cosine"]
)
every_noise = pytest.mark.parametrize(
    "between", [BrownianBridge(0.7), Constant(0.3)], ids=lambda one: type(one).__name__
)


def exact(process: Process, between: Interpolant) -> BridgeDenoiser:
    net = ExactBridge(LAW, process, between, Flow())
    return BridgeDenoiser(net, process, Flow(), between)


class Answering(nn.Module):
    """A network that says the same of every state at every time."""

    def __init__(self, answer: float) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        return torch.full((len(x), 2 * x.shape[1]), self.answer, dtype=x.dtype)


@every_process
@every_noise
def test_the_estimates_are_those_of_the_law(process: Process, between: Interpolant) -> None:
    denoiser = exact(process, between)
    x_0, x_1, z = LAW.estimates(X, process, between, T)
    found = denoiser.bridge(X, T)
    on_data, on_start = between.ends(process, x_0, x_1, z, T)
    close(found[0], on_data, rtol=1e-8)
    close(found[1], on_start, rtol=1e-8)
    close(found[2], z, rtol=1e-8)
    # Taking the noise away from the effective end leaves the data itself.
    close(denoiser.data(found[0], found[2], T), x_0, rtol=1e-8)
    close(denoiser.score(X, T), LAW.score(X, process, between, T), rtol=1e-8)


def test_the_score_is_the_answer_however_little_noise_there_is() -> None:
    """What a network is off stays as it is towards the ends, where gamma falls to zero."""
    net = Answering(0.3)
    denoiser = BridgeDenoiser(net, STRAIGHT, Flow(), BrownianBridge(0.5))
    for at in (0.0, 1e-4, 0.5, 1.0):
        t = torch.tensor(at, dtype=torch.float64)
        close(denoiser.score(X, t), torch.full_like(X, -0.3 / 0.5), rtol=1e-12)
        found = denoiser.both_answers(X, t)[1]
        scale = (STRAIGHT.alpha(t) * STRAIGHT.sigma(t)).sqrt()
        close(found, torch.full_like(X, 0.3) * scale, rtol=1e-12)


def test_a_bridge_has_the_noise_of_its_brownian_motion() -> None:
    """s^2 du/dt on the clock u = sigma, by central differences."""
    denoiser, h = exact(STRAIGHT, BrownianBridge(0.7)), 1e-6
    speed = (STRAIGHT.sigma(T + h) - STRAIGHT.sigma(T - h)) / (2 * h)
    close(denoiser.diffusion_sq(T), 0.7**2 * speed, rtol=1e-7)


def test_both_errors_are_averaged_and_added() -> None:
    denoiser = exact(STRAIGHT, BrownianBridge(0.7))
    flow = torch.tensor([[1.0, 2.0], [0.0, 0.0], [3.0, -1.0]], dtype=torch.float64)
    noise = torch.tensor([[0.5, 0.0], [2.0, -1.0], [0.0, 0.0]], dtype=torch.float64)
    x_0, x_1, z = torch.randn(3, 3, 2, generator=torch.Generator().manual_seed(0)).double()
    t = T.expand(3)
    target = denoiser.target(x_0, x_1, t)

    def answers(x_t: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        close(x_t, STRAIGHT.perturb(x_0, t, x_1))
        return target + flow, z + noise

    denoiser.both_answers = answers  # type: ignore[method-assign]
    close(bridge_losses(denoiser, x_0, x_1, z, t), torch.tensor([2.625, 2.5, 5.0]).double())
