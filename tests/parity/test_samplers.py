"""Whole trajectories against diffusers' schedulers, with the same network and noise.

The state is float64 on both sides. diffusers keeps its table in float32, so each of DDPM
and DDIM is compared twice: with the table as it is, and with the digits put back. Where
diffusers differs on purpose, or by mistake, a comment that begins with `Expected` says how.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EDMEulerScheduler,
    HeunDiscreteScheduler,
)
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import EDM as EDMPrediction
from snowmelt.diffusion.predictions import X0, Eps, Prediction, V
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Karras, LinearBetas
from snowmelt.sampling.samplers.ancestral_variances import FixedLarge, FixedSmall, Learned
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.dpm import DPM
from snowmelt.sampling.samplers.edm import EDM
from snowmelt.sampling.samplers.grids import Karras as KarrasGrid
from snowmelt.sampling.samplers.grids import Leading, Linspace, Trailing
from snowmelt.sampling.samplers.thresholds import Clip, Dynamic
from tests.parity.conftest import STEPS, noises, start, walk
from tests.parity.measured import agree

Make = Callable[..., Denoiser]
NAMES = {"epsilon": Eps(), "sample": X0(), "v_prediction": V()}
every_prediction = pytest.mark.parametrize("name", NAMES)


def process() -> Process:
    return VariancePreserving(LinearBetas(STEPS))


def settings(**more: Any) -> dict[str, Any]:
    """Ho's chain, and nothing done to the estimates."""
    return {"num_train_timesteps": STEPS, "beta_schedule": "linear", **more}


def through(
    scheduler: Any, denoiser: Denoiser, steps: int, answer: Any = None, **step: Any
) -> list[Tensor]:
    """Every state of diffusers' trajectory, with the noise that ours is given."""
    scheduler.set_timesteps(steps)
    x, states, fresh = start(), [], noises(len(scheduler.timesteps))
    for number, timestep in enumerate(scheduler.timesteps):
        t = torch.tensor((int(timestep) + 1) / STEPS, dtype=torch.float64)
        output = (answer or denoiser)(x, t)
        with given_noise(scheduler, fresh[number][0]):
            x = scheduler.step(output, timestep, x, **step).prev_sample.double()
        states.append(x)
    return states


def exact(scheduler: Any) -> Any:
    """The scheduler with its table in float64."""
    scheduler.alphas_cumprod = LinearBetas(STEPS).alpha_bar
    return scheduler


def given_noise(scheduler: Any, noise: Tensor) -> Any:
    """Puts the noise in the place of what the scheduler would draw."""
    return mock.patch(f"{type(scheduler).__module__}.randn_tensor", return_value=noise)


def agree_throughout(name: str, ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        agree(name, mine, other)


def times_of(scheduler: Any, steps: int) -> Tensor:
    scheduler.set_timesteps(steps)
    return (scheduler.timesteps.double() + 1) / STEPS


# Grids


@pytest.mark.parametrize("steps", [1, 7, 10, 50, 333, 1000])
@pytest.mark.parametrize(
    ("name", "grid"),
    [("leading", Leading(STEPS)), ("linspace", Linspace(STEPS)), ("trailing", Trailing())],
)
def test_grids_are_their_timesteps(
    name: str, grid: Leading | Linspace | Trailing, steps: int
) -> None:
    scheduler = DDPMScheduler(**settings(timestep_spacing=name))
    ours, theirs = grid.times(steps, process()), times_of(scheduler, steps)
    if name == "linspace" and steps == 1:
        # Expected: numpy's linspace of one point is its first, index 0, next to the data;
        # ours is the last, the one from which a single step makes a sample.
        assert (float(ours), float(theirs)) == (1.0, 1 / STEPS)
    elif name == "trailing" and STEPS % steps:
        # Expected: theirs rounds to indices of the chain, ours lives in continuous time.
        assert float((ours - theirs).abs().max()) <= 0.5 / STEPS + 1e-12
    else:
        agree(f"grid {name}", ours, theirs)


def test_karras_noise_levels() -> None:
    scheduler = EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0)
    scheduler.set_timesteps(18)
    exploding = VarianceExploding(Karras(0.002, 80.0))
    times = KarrasGrid(7.0).times(18, exploding)
    agree("grid karras: sigma", exploding.sigma(times), scheduler.sigmas[:-1])


# The DDPM chain


@every_prediction
@pytest.mark.parametrize("steps", [10, 50])
@pytest.mark.parametrize(
    ("kind", "variance"), [("fixed_small", FixedSmall()), ("fixed_large", FixedLarge())]
)
def test_the_ddpm_chain(
    name: str, steps: int, kind: str, variance: FixedSmall | FixedLarge, denoiser: Make
) -> None:
    scheduler = DDPMScheduler(
        **settings(
            prediction_type=name,
            variance_type=kind,
            clip_sample=False,
            timestep_spacing="trailing",
        )
    )
    ours = DDIM(steps, eta=1.0, variance=variance)
    asked = denoiser(NAMES[name])
    states = walk(ours, asked, times_of(scheduler, steps), start())
    theirs = through(scheduler, asked, steps)
    agree_throughout(f"DDPM {kind}", states[:-1], theirs[:-1])
    theirs = through(exact(scheduler), asked, steps)
    agree_throughout(f"DDPM {kind}, table in float64", states[:-1], theirs[:-1])
    last = float((states[-1] - theirs[-1]).abs().max())
    if kind == "fixed_large":
        # Expected: theirs adds noise to the data itself, unless the last index is 0.
        assert last > 0.01
    else:
        assert last < 1e-5


def test_the_learned_variance(denoiser: Make) -> None:
    scheduler = DDPMScheduler(
        **settings(
            variance_type="learned_range", clip_sample=False, timestep_spacing="trailing"
        )
    )
    asked = denoiser(learned_variance=True)

    def answer(x: Tensor, t: Tensor) -> Tensor:
        output, share = asked.with_variance(x, t)
        return torch.cat((output, 2 * share - 1), dim=1)

    ours = DDIM(20, eta=1.0, variance=Learned())
    states = walk(ours, asked, times_of(scheduler, 20), start())
    theirs = through(scheduler, asked, 20, answer)
    # Expected: as with fixed_large, noise is added to the data at the end.
    agree_throughout("DDPM learned_range", states[:-1], theirs[:-1])


def test_clipped_estimates_in_the_chain(denoiser: Make) -> None:
    scheduler = DDPMScheduler(**settings(clip_sample=True, timestep_spacing="trailing"))
    ours = DDIM(25, eta=1.0, threshold=Clip())
    states = walk(ours, denoiser(), times_of(scheduler, 25), start())
    agree_throughout("DDPM clipped", states, through(scheduler, denoiser(), 25))


# DDIM


@every_prediction
@pytest.mark.parametrize("spacing", ["trailing", "leading"])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim(name: str, spacing: str, eta: float, denoiser: Make) -> None:
    scheduler = DDIMScheduler(
        **settings(prediction_type=name, clip_sample=False, timestep_spacing=spacing)
    )
    ours, asked = DDIM(20, eta=eta), denoiser(NAMES[name])
    states = walk(ours, asked, times_of(scheduler, 20), start())
    if name != "sample":
        agree_throughout("DDIM", states, through(scheduler, asked, 20, eta=eta))
    # Expected: at index 0 theirs divides x_0's error by a sigma that has lost its digits.
    theirs = through(exact(scheduler), asked, 20, eta=eta)
    agree_throughout("DDIM, table in float64", states, theirs)


def test_ddim_derives_the_noise_from_what_was_clipped(denoiser: Make) -> None:
    scheduler = DDIMScheduler(**settings(clip_sample=True, timestep_spacing="trailing"))
    ours = DDIM(20, threshold=Clip())
    states = walk(ours, denoiser(), times_of(scheduler, 20), start())
    asked = {"use_clipped_model_output": True}
    agree_throughout("DDIM clipped", states, through(scheduler, denoiser(), 20, **asked))
    # Expected: their default keeps the noise of the estimate that was not clipped.
    theirs = through(scheduler, denoiser(), 20)
    assert float((states[-2] - theirs[-2]).abs().max()) > 1e-3


def test_dynamic_thresholding(denoiser: Make) -> None:
    scheduler = DDIMScheduler(
        **settings(
            clip_sample=False,
            thresholding=True,
            sample_max_value=1e6,
            timestep_spacing="trailing",
        )
    )
    ours = DDIM(20, threshold=Dynamic(0.995))
    states = walk(ours, denoiser(), times_of(scheduler, 20), start())
    asked = {"use_clipped_model_output": True}
    # Theirs takes the quantile in float32.
    agree_throughout("DDIM dynamic", states, through(scheduler, denoiser(), 20, **asked))


def test_expected_ddim_steps_off_the_grid(denoiser: Make) -> None:
    """DDIM's previous step is T // N further down, wherever the grid has it."""
    scheduler = DDIMScheduler(**settings(clip_sample=False, timestep_spacing="linspace"))
    states = walk(DDIM(7), denoiser(), times_of(scheduler, 7), start())
    theirs = through(scheduler, denoiser(), 7)
    assert float((states[0] - theirs[0]).abs().max()) > 1e-4


# DPM-Solver++


@every_prediction
@pytest.mark.parametrize("steps", [10, 25])
@pytest.mark.parametrize(
    ("algorithm", "eta"), [("dpmsolver++", 0.0), ("sde-dpmsolver++", 1.0)]
)
def test_dpm_solver(
    name: str, steps: int, algorithm: str, eta: float, denoiser: Make
) -> None:
    scheduler = DPMSolverMultistepScheduler(
        **settings(
            prediction_type=name, algorithm_type=algorithm, timestep_spacing="trailing"
        )
    )
    asked = denoiser(NAMES[name])
    states = walk(DPM(steps, eta=eta), asked, times_of(scheduler, steps), start())
    theirs = through(scheduler, asked, steps)
    # Theirs casts the state to float32 at every step.
    agree_throughout(f"DPM-Solver++ 2M {algorithm}", states, theirs)


def test_expected_dpm_grid_of_one_more() -> None:
    """DPMSolverMultistep spreads N + 1 points and drops the one next to the data."""
    scheduler = DPMSolverMultistepScheduler(**settings(timestep_spacing="linspace"))
    theirs = times_of(scheduler, 10)
    agree("DPM grid", Linspace(STEPS).times(11, process())[:-1], theirs)


# EDM and Heun


def test_heun_of_edm(denoiser: Make) -> None:
    scheduler = HeunDiscreteScheduler(**settings(timestep_spacing="trailing"))
    scheduler.set_timesteps(20)
    # Each level but the first and the last, which is zero, stands there twice.
    sigmas, at, asked = scheduler.sigmas.double(), process(), denoiser()
    times = at.time(-2 * torch.cat((sigmas[:1], sigmas[1:-1:2])).log())
    y, theirs = start() * sigmas[0], []
    for level, timestep in zip(sigmas[:-1], scheduler.timesteps, strict=True):
        output = asked(y * (1 + level**2).rsqrt(), at.time(-2 * level.log()))
        y = scheduler.step(output, timestep, y).prev_sample.double()
        theirs.append(y)
    alpha = at.alpha(times)
    states = walk(EDM(20), asked, times, start() * sigmas[0] * alpha[0])
    ends = theirs[1::2]  # after the corrections; the last step has none
    for number, other in enumerate(ends, start=1):
        agree("Heun (EDM algorithm 1)", states[number - 1] / alpha[number], other)
    agree("Heun (EDM algorithm 1)", states[-1], theirs[-1])


@pytest.mark.parametrize("sigma_data", [0.5, 1.3])
def test_edm_preconditioning(sigma_data: float) -> None:
    scheduler = EDMEulerScheduler(sigma_data=sigma_data)
    ours: Prediction = EDMPrediction(sigma_data)
    x, output = start(), noises(1)[0, 0]
    for sigma in (0.002, 0.3, 4.0, 80.0):
        level = torch.tensor(sigma, dtype=torch.float64)
        alpha = (1 + level**2).rsqrt()
        at = (alpha, level * alpha)
        agree(
            "EDM preconditioning",
            ours.x_0(output, x * alpha, *at),
            scheduler.precondition_outputs(x, output, level),
        )
        shown = ours.input_scale(*at) * x * alpha
        agree("EDM preconditioning", shown, scheduler.precondition_inputs(x, level))


def test_edm_noise_levels_as_times() -> None:
    exploding = VarianceExploding(Karras(0.002, 80.0))
    scheduler = EDMEulerScheduler()
    scheduler.set_timesteps(18)
    ours = exploding.sigma(Linear18().times(18, exploding))
    agree("Karras schedule: sigma", ours, scheduler.sigmas[:-1])


class Linear18(Trailing):
    """Both ends in equal strides: on Karras's own curve that is Karras's grid."""

    def times(self, steps: int, process: Process) -> Tensor:
        return torch.from_numpy(np.linspace(1, 0, steps))
