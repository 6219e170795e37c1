"""Where the flow begins for pixels: the time, the state, and what it costs."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal

from snowmelt.densities import Gaussian
from snowmelt.diffusion.predictions import X0
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric
from snowmelt.evaluation.likelihood.dequantisation import Noise, Uniform
from snowmelt.evaluation.likelihood.value_kinds import Levels

PROCESS = VariancePreserving(Cosine())
X_0 = torch.tensor([[-1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
INDEX = torch.arange(2)


@pytest.mark.parametrize("carrier", [PROCESS, VarianceExploding(Geometric(0.001, 50.0))])
def test_noise_begins_where_it_is_so_wide(carrier: Process) -> None:
    levels = Levels(17)
    time = torch.tensor(Noise(0.5).time(carrier, levels, 0.0), dtype=torch.float64)
    std = float(carrier.sigma(time) / carrier.alpha(time))
    assert std == pytest.approx(0.5 * levels.width)


def test_noise_begins_no_earlier_than_the_process_or_than_it_is_told() -> None:
    assert Noise(0.125).time(PROCESS, Levels(256), 0.0) == 0.0
    assert Noise(0.125).time(PROCESS, Levels(17), 0.4) == 0.4


def test_noise_costs_the_decoder_and_saves_its_own_density() -> None:
    levels, denoiser = Levels(5), Gaussian([0.1, 0.2], 0.5).denoiser(PROCESS, X0())
    found = Noise(0.3).state(denoiser, X_0, INDEX, levels, first_time=0.0, seed=4)
    t = torch.tensor(found.time, dtype=torch.float64)
    alpha, sigma = PROCESS.alpha(t), PROCESS.sigma(t)
    density = Normal(alpha * X_0, sigma).log_prob(found.x).sum(1)
    decoder = levels.reconstruction_nats(
        X_0, denoiser.x_0(found.x, t), 2.0 * torch.log(sigma / alpha)
    )
    torch.testing.assert_close(found.nats, decoder + density)
    other = Noise(0.3).state(denoiser, X_0, INDEX, levels, first_time=0.0, seed=5)
    assert not torch.equal(other.x, found.x)


def test_uniform_numbers_stay_in_the_bin() -> None:
    levels, denoiser = Levels(5), Gaussian([0.1, 0.2], 0.5).denoiser(PROCESS, X0())
    found = Uniform().state(denoiser, X_0, INDEX, levels, first_time=0.1, seed=0)
    assert found.time == 0.1
    assert ((found.x - X_0).abs() < 0.5 * levels.width).all()
    assert found.nats.tolist() == pytest.approx([-2 * math.log(levels.width)] * 2)


@pytest.mark.parametrize("start", [Uniform(), Noise()])
def test_data_between_the_levels_is_refused(start: Uniform | Noise) -> None:
    denoiser = Gaussian([0.1, 0.2], 0.5).denoiser(PROCESS, X0())
    with pytest.raises(ValueError, match="5 levels"):
        start.state(denoiser, X_0 + 0.1, INDEX, Levels(5), first_time=0.0, seed=0)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf])
def test_noise_of_no_width_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="width"):
        Noise(bad)
