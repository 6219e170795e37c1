"""R-hat and effective sample size, and the point of the whole: separated modes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from arviz_stats.base import array_stats

from snowmelt.densities import DoubleGaussian, Gaussian
from snowmelt.densities.mcmc import MALA, Hamiltonian, Kernel, RandomWalk, run
from snowmelt.densities.mcmc.diagnostics import diagnose, effective_sample_size, rhat
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.sde import EulerMaruyama

KERNELS: dict[str, Kernel] = {
    "random walk": RandomWalk(0.25),
    "langevin": MALA(0.02),
    "hamiltonian": Hamiltonian(0.15, 5),
}
every_kernel = pytest.mark.parametrize("name", KERNELS)
FAR = DoubleGaussian(distance=2.4, std=0.2, share=0.3)


def autoregressive(rho: float, steps: int, chains: int) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(steps, chains))
    x = [noise[0]]
    for row in noise[1:]:
        x.append(rho * x[-1] + np.sqrt(1 - rho**2) * row)
    return np.stack(x)


@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.8])
def test_the_size_of_a_chain_that_is_known(rho: float) -> None:
    draws = autoregressive(rho, 4000, 8)
    expected = 32_000 * (1 - rho) / (1 + rho)
    assert effective_sample_size(draws) == pytest.approx(expected, rel=0.12)
    assert rhat(draws) == pytest.approx(1.0, abs=0.01)
    # Steps and chains are not mixed up, nor are the elements.
    pair = np.stack((draws, draws + 3.0 * (np.arange(8) % 2)), -1)
    assert rhat(pair).shape == (2,)
    assert rhat(pair)[0] < 1.01
    assert rhat(pair)[1] > 1.5
    picture = np.broadcast_to(draws[..., None, None], (4000, 8, 2, 3))
    assert effective_sample_size(picture, is_tail=True).shape == (2, 3)


@every_kernel
def test_chains_that_mix_are_trusted(name: str) -> None:
    ours = Gaussian([0.0, 0.0], std=0.2)
    chains = run(ours, KERNELS[name], 3 * ours.sample(8, seed=0), 500, seed=0)
    found = diagnose(chains, warmup=100)
    assert found.worst_rhat < 1.03
    assert found.draws == 3200
    assert found.evaluations == chains.evaluations
    assert found.ess_bulk.min() > 100
    assert found.ess_tail.min() > 100
    # The tails are those at 5 % and 95 %, whichever is known less well.
    states = chains.states[100:].numpy()
    ends = [
        array_stats.ess(states, chain_axis=1, draw_axis=0, method="quantile", prob=prob)
        for prob in (0.05, 0.95)
    ]
    assert np.array_equal(found.ess_tail, np.minimum(*ends))
    assert found.evaluations_per_draw == chains.evaluations / found.ess_bulk.min()
    assert found.acceptance == pytest.approx(float(chains.accepted[100:].double().mean()))


@every_kernel
def test_chains_between_separated_modes_are_stuck_and_diffusion_is_not(name: str) -> None:
    # As many chains start in each mode, and stay.
    start = torch.tensor([[-1.2, 0.0], [1.2, 0.0]]).repeat(4, 1)
    chains = run(FAR, KERNELS[name], start, 300, seed=0)
    assert chains.acceptance.mean() > 0.3
    assert diagnose(chains).worst_rhat > 1.1
    left = float((chains.points()[:, 0] < 0).double().mean())
    assert abs(left - 0.3) > 0.1
    # Those that start in one mode agree, and have missed the other: R-hat cannot tell.
    same = run(FAR, KERNELS[name], torch.tensor([[1.2, 0.0]]).repeat(8, 1), 300, seed=0)
    assert diagnose(same, warmup=50).worst_rhat < 1.1
    assert (same.points()[:, 0] > 0).all()


def test_diffusion_weighs_the_modes_by_itself() -> None:
    denoiser = FAR.denoiser(VariancePreserving(Cosine()), V())
    x = sample(denoiser, EulerMaruyama(60), torch.arange(4000), (2,), seed=0)
    left = float((x[:, 0] < 0).double().mean())
    assert abs(left - 0.3) < 4 * (0.3 * 0.7 / 4000) ** 0.5
    assert rhat(x.reshape(500, 8, 2)).max() < 1.01


def test_too_few_steps_are_refused() -> None:
    chains = run(FAR, RandomWalk(0.1), torch.zeros(2, 2), 5, seed=0)
    with pytest.raises(ValueError, match="at least 4 steps"):
        diagnose(chains, warmup=2)
    with pytest.raises(ValueError, match=r"got the shape \(9,\)"):
        rhat(np.zeros(9))
