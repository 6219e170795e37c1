"""The network without error of a flow."""

from __future__ import annotations

import pytest
import torch
from tests.combinations import close, double

from snowmelt.densities import CoupledMixture, ExactFlow, Gaussian, GaussianMixture
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import BrownianBridge, Interpolant, Straight
from snowmelt.diffusion.predictions import Flow, Prediction, V
from snowmelt.diffusion.processes import Process, RectifiedFlow, VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock
from snowmelt.sampling.samplers.ode import slope

DATA = GaussianMixture([0.3, 0.7], [[-1.0, 0.5], [1.5, -0.2]], [0.2, 0.4])
START = GaussianMixture([0.5, 0.5], [[2.0, 2.0], [-2.0, 1.0]], [0.2, 0.5])
STRAIGHT = RectifiedFlow(RectifiedClock())
COSINE = VariancePreserving(Cosine())
X = torch.linspace(-2.0, 2.0, 10, dtype=torch.float64).reshape(5, 2)


@pytest.mark.parametrize("prediction", [Flow(), V()], ids=["flow", "v"])
@pytest.mark.parametrize("between", [Straight(), BrownianBridge(0.6)])
@pytest.mark.parametrize("process", [STRAIGHT, COSINE], ids=["straight", "cosine"])
def test_the_slope_that_samplers_make_of_it_is_the_velocity(
    process: Process, between: Interpolant, prediction: Prediction
) -> None:
    law = CoupledMixture.independent(DATA, START)
    net = ExactFlow(law, process, between, prediction)
    denoiser = Denoiser(net, process, prediction)
    for t in double(0.15, 0.5, 0.8):
        found = slope(process, X, denoiser.eps(X, t), t)
        close(found, law.velocity(X, process, between, t), rtol=1e-6, atol=1e-6)


def test_from_normal_noise_it_is_the_denoiser_of_diffusion() -> None:
    law = CoupledMixture.independent(DATA, Gaussian([0.0, 0.0], std=1.0))
    net = ExactFlow(law, COSINE, Straight(), V())
    t = double(0.4)[0]
    found = Denoiser(net, COSINE, V()).x_0(X, t)
    close(found, DATA.denoiser(COSINE, V()).x_0(X, t), rtol=1e-7, atol=1e-8)
