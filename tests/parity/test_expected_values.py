"""The numbers that diffusers' maintainers wrote into the tests of their schedulers.

Theirs run a made-up model, x t / (t + 1) with the index t, from a made-up state, and look
at the sum or the mean of the absolute values at the end. The sums hold to 0.01 and the
means to 0.001 there, and so here. Nothing of theirs is called: these are the samplers of
`snowmelt.samplers`. Where theirs goes another way, a comment that begins with `Theirs`
says which, and the test goes that way with what samplers and grids can be set to.

Their Euler, Heun and LMS loops hand the scaled state on as the state, which no sampler
does: they are left out. Numbers of tests/schedulers/ in diffusers, 2025.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import EDM as EDMPrediction
from snowmelt.diffusion.predictions import Eps, Prediction, V
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Karras, LinearBetas
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.deis import DEIS
from snowmelt.sampling.samplers.dpm import DPM
from snowmelt.sampling.samplers.grids import Grid, Leading, Linspace
from snowmelt.sampling.samplers.grids import Karras as KarrasGrid
from snowmelt.sampling.samplers.inversion import encode
from snowmelt.sampling.samplers.loop import descend
from snowmelt.sampling.samplers.pndm import PNDM
from snowmelt.sampling.samplers.sampler import Memory, Sampler
from snowmelt.sampling.samplers.thresholds import Clip
from snowmelt.sampling.samplers.unipc import UniPC

STEPS = 1000
SHAPE = (4, 3, 8, 8)
COUNT = 768
INDEX = torch.arange(4)
Shift = Callable[[Tensor], Tensor]


class Model(nn.Module):
    """x t / (t + 1); `seen` turns the index of the state into the one that is shown."""

    def __init__(self, process: Process, seen: Shift = lambda index: index) -> None:
        super().__init__()
        self.process, self.seen = process, seen

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        index = self.seen((STEPS * self.process.time(log_snr) - 1).round())
        return x * (index / (index + 1))[:, None, None, None]


def denoiser(prediction: Prediction | None = None, beta_start: float = 1e-4) -> Denoiser:
    process = VariancePreserving(LinearBetas(STEPS, beta_start=beta_start))
    return Denoiser(Model(process), process, prediction or Eps())


def ramp(numbers: Tensor) -> Tensor:
    return (numbers.double() / COUNT).reshape(3, 8, 8, 4).permute(3, 0, 1, 2)


def state() -> Tensor:
    return ramp(torch.arange(COUNT))


def ends(asked: Denoiser, sampler: Sampler, x: Tensor) -> tuple[Tensor, Tensor]:
    """The state at the last time of the grid, and the data that follows."""
    states: list[Tensor] = []
    drawn = descend(
        asked, sampler, x, index=INDEX, seed=0, watch=lambda *told: states.append(told[2])
    )
    return states[-2], drawn


def holds(x: Tensor, total: float | None = None, mean: float | None = None) -> None:
    assert x.shape == SHAPE
    assert total is None or float(x.abs().sum()) == pytest.approx(total, abs=1e-2)
    assert mean is None or float(x.abs().mean()) == pytest.approx(mean, abs=1e-3)


# The DDPM chain


@pytest.mark.parametrize(
    ("prediction", "total", "mean"), [(Eps(), 258.9606, 0.3372), (V(), 202.0296, 0.2631)]
)
def test_the_ddpm_chain(prediction: Prediction, total: float, mean: float) -> None:
    """All 1000 steps, with the noise of torch's generator in their order."""
    asked, sampler = denoiser(prediction), DDIM(STEPS, eta=1.0, threshold=Clip())
    generator = torch.Generator().manual_seed(0)
    x, times = state(), sampler.times(asked.process)
    for t, s in itertools.pairwise(times):
        noise = torch.randn(SHAPE, generator=generator)
        x = sampler.step(asked, x, t, s, noise[None].double(), {})
    holds(sampler.last(asked, x, times[-1]), total, mean)


# DDIM


@pytest.mark.parametrize(
    ("prediction", "total", "mean"), [(Eps(), 172.0067, 0.223967), (V(), 52.5302, 0.0684)]
)
def test_ddim(prediction: Prediction, total: float, mean: float) -> None:
    sampler = DDIM(10, grid=Leading(STEPS), threshold=Clip())
    holds(ends(denoiser(prediction), sampler, state())[1], total, mean)


def test_ddim_from_a_first_beta_that_counts() -> None:
    sampler = DDIM(10, grid=Leading(STEPS), threshold=Clip())
    last, drawn = ends(denoiser(beta_start=0.01), sampler, state())
    holds(drawn, 149.8295, 0.1951)
    # Theirs, without set_alpha_to_one: the last step stays where it is, at index 0.
    holds(last, 149.0784, 0.1941)


class Theirs(Denoiser):
    """Theirs begins with data, ours with a state at t = 0, which has a little noise.

    And theirs cuts the estimate of the data, but keeps the noise as it was.
    """

    def estimates(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        if float(t) == 0.0:
            return x_t, torch.zeros_like(x_t)
        x_0_hat, eps_hat = super().estimates(x_t, t)
        return x_0_hat.clamp(-1.0, 1.0), eps_hat


@pytest.mark.parametrize(
    ("prediction", "total", "mean"), [(Eps(), 671.6816, 0.8746), (V(), 1394.2185, 1.8154)]
)
def test_ddim_inverse(prediction: Prediction, total: float, mean: float) -> None:
    # Theirs shows the model the index that a step goes to, ours the one that it is at.
    def target(index: Tensor) -> Tensor:
        return torch.where(index < 0, 0.0, index + STEPS // 10)

    process = denoiser().process
    asked = Theirs(Model(process, target), process, prediction)
    holds(encode(asked, state(), steps=10, grid=Leading(STEPS)), total, mean)


# DPM-Solver++


class OfTheChain(KarrasGrid):
    """Theirs goes from the level of index T - 1 to that of index 0; ours ends at t = 0."""

    def times(self, steps: int, process: Process) -> Tensor:
        ends = process.log_snr(torch.tensor([1.0, 1 / STEPS], dtype=torch.float64))
        share = torch.linspace(0, 1, steps, dtype=torch.float64)
        return process.time(self.log_snr(share, *ends.tolist())).clamp(max=1.0)


@pytest.mark.parametrize(
    ("prediction", "sampler", "mean"),
    [
        (Eps(), DPM(11, grid=Linspace(STEPS)), 0.3301),
        (V(), DPM(11, grid=Linspace(STEPS)), 0.2251),
        (V(), DPM(10, grid=OfTheChain()), 0.2096),
    ],
    ids=["noise", "v", "v-karras"],
)
def test_dpm_solver(prediction: Prediction, sampler: DPM, mean: float) -> None:
    # Theirs ends at the level of index 0, with its noise (final_sigmas_type).
    holds(ends(denoiser(prediction), sampler, state())[0], mean=mean)


class SecondHalf(Grid):
    """From the middle of eleven times."""

    def times(self, steps: int, process: Process) -> Tensor:
        return Linspace(STEPS).times(11, process)[11 - steps :]


def test_dpm_solver_from_a_noised_state() -> None:
    """What they call "with noise": half of the way, from a noised state."""
    asked, sampler = denoiser(), DPM(6, grid=SecondHalf())
    noise = ramp(torch.arange(COUNT).flip(0))
    first = sampler.times(asked.process)[0]
    x = asked.process.perturb(state(), first.expand(4), noise)
    holds(ends(asked, sampler, x)[0], 318.4111, 0.4146)


# EDM


def test_edm_by_eulers_rule() -> None:
    """In y = x / alpha DDIM is Euler's rule; the model sees a quarter of log sigma."""

    class OfEDM(nn.Module):
        def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
            level = -log_snr / 8
            return x * (level / (level + 1))[:, None, None, None]

    asked = Denoiser(OfEDM(), VarianceExploding(Karras(0.002, 80.0)), EDMPrediction(0.5))
    x = state() * (80.0**2 + 1) ** 0.5
    holds(ends(asked, DDIM(10, grid=KarrasGrid(7.0)), x)[1], 34.1855, 0.044)


# The multistep rules


@pytest.mark.parametrize(
    ("kind", "prediction", "mean"),
    [
        (UniPC, Eps(), 0.2464),
        (UniPC, V(), 0.1014),
        (DEIS, Eps(), 0.23916),
        (DEIS, V(), 0.091),
    ],
)
def test_unipc_and_deis(
    kind: type[UniPC] | type[DEIS], prediction: Prediction, mean: float
) -> None:
    asked, memory = denoiser(prediction), Memory()
    *times, end = Linspace(STEPS).times(11, asked.process)
    x, none = state(), state().new_zeros(0, *SHAPE)
    for t, s in itertools.pairwise(times):
        x = kind(10).step(asked, x, t, s, none, memory)
    # Theirs ends at index 0, by a step that looks at one estimate (lower_order_final).
    holds(kind(10, points=1).step(asked, x, times[-1], end, none, memory), mean=mean)


@pytest.mark.parametrize(
    ("beta_start", "total", "mean"), [(1e-4, 198.1318, 0.2580), (0.01, 186.9482, 0.2434)]
)
def test_pndm(beta_start: float, total: float, mean: float) -> None:
    """Theirs on v averages the outputs of several times, which are no noise: left out."""
    # Theirs stays at index 0 in its last step.
    asked, sampler = denoiser(beta_start=beta_start), PNDM(10, grid=Leading(STEPS))
    holds(ends(asked, sampler, state())[0], total, mean)


def test_the_indices_are_theirs() -> None:
    """What the tests above rest on."""
    process = denoiser().process

    def indices(times: Tensor) -> list[float]:
        return (times * STEPS - 1).round().tolist()

    by_hundreds = [999, 899, 799, 699, 599, 500, 400, 300, 200, 100, 0]
    assert indices(Linspace(STEPS).times(11, process)) == by_hundreds
    assert indices(SecondHalf().times(6, process)) == by_hundreds[5:]
    assert indices(Leading(STEPS).times(10, process)) == list(range(900, -1, -100))
    assert indices(DDIM(STEPS).times(process))[:: STEPS - 1] == [999, 0]
