"""Each kernel by itself: detailed balance, reversal, order, bias."""

from __future__ import annotations

import math

import torch
from tests.combinations import close, double
from torch import Tensor
from torch.distributions import Normal

from snowmelt.densities import Gaussian, GaussianMixture
from snowmelt.densities.mcmc import (
    MALA,
    Hamiltonian,
    Kernel,
    Langevin,
    RandomWalk,
    leapfrog,
    run,
)

MIXTURE = GaussianMixture(
    [0.4, 0.6], [[-0.5, 0.2], [0.8, -0.3]], [[[0.3, 0.1], [0.1, 0.2]], [[0.2, 0], [0, 0.4]]]
)
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(50, 2, dtype=torch.float64, generator=GENERATOR)
NOISE = torch.randn(50, 2, dtype=torch.float64, generator=GENERATOR)
HALF = torch.full((50,), 0.5, dtype=torch.float64)


def flow(
    kernel: Kernel, x: Tensor, noise: Tensor, log_move: Tensor
) -> tuple[Tensor, Tensor]:
    """Where a move leads, and the log probability that it starts here and is taken."""
    proposed, log_ratio = kernel.propose(MIXTURE, kernel.measure(MIXTURE, x), noise, HALF)
    return proposed[0], MIXTURE.log_prob(x) + log_move + log_ratio.clamp(max=0.0)


def test_a_random_walk_is_in_detailed_balance() -> None:
    there, log_flow = flow(RandomWalk(0.6), X, NOISE, torch.zeros(50).double())
    close(there, X + 0.6 * NOISE)
    back, log_back = flow(RandomWalk(0.6), there, -NOISE, torch.zeros(50).double())
    close(back, X, atol=1e-12)
    close(log_flow, log_back, rtol=1e-9, atol=1e-9)


def test_langevin_with_refusal_is_in_detailed_balance() -> None:
    size = 0.15

    def log_move(x: Tensor, there: Tensor) -> Tensor:
        mean = x + size * MIXTURE.score(x)
        return Normal(mean, math.sqrt(2 * size)).log_prob(there).sum(1)

    there = X + size * MIXTURE.score(X) + math.sqrt(2 * size) * NOISE
    found, log_flow = flow(MALA(size), X, NOISE, log_move(X, there))
    close(found, there)
    noise = (X - there - size * MIXTURE.score(there)) / math.sqrt(2 * size)
    back, log_back = flow(MALA(size), there, noise, log_move(there, X))
    close(back, X, rtol=1e-9, atol=1e-9)
    close(log_flow, log_back, rtol=1e-9, atol=1e-9)


def test_hamiltonian_flow_is_in_detailed_balance() -> None:
    kernel = Hamiltonian(0.4, 5)

    def log_push(momentum: Tensor) -> Tensor:
        return Normal(0.0, 1.0).log_prob(momentum).sum(1)

    there, log_flow = flow(kernel, X, NOISE, log_push(NOISE))
    step = torch.tensor(0.4, dtype=torch.float64)
    _, momentum, _ = leapfrog(MIXTURE, X, NOISE, MIXTURE.score(X), step, 5)
    back, log_back = flow(kernel, there, -momentum, log_push(momentum))
    close(back, X, rtol=1e-9, atol=1e-9)
    close(log_flow, log_back, rtol=1e-9, atol=1e-9)


def test_leapfrog_goes_back_and_keeps_volume() -> None:
    step = torch.linspace(0.1, 0.5, 50, dtype=torch.float64)
    there, momentum, score = leapfrog(MIXTURE, X, NOISE, MIXTURE.score(X), step, 8)
    close(score, MIXTURE.score(there))
    back, turned, _ = leapfrog(MIXTURE, there, -momentum, score, step, 8)
    close(back, X, rtol=1e-9, atol=1e-10)
    close(turned, -NOISE, rtol=1e-9, atol=1e-10)

    def phase(both: Tensor) -> Tensor:
        x, p = both.reshape(1, 4).split(2, 1)
        moved = leapfrog(MIXTURE, x, p, MIXTURE.score(x), double(0.5)[0], 3)
        return torch.cat(moved[:2], 1)[0]

    jacobian = torch.autograd.functional.jacobian(phase, torch.cat((X[0], NOISE[0])))
    close(torch.linalg.det(jacobian), double(1.0)[0], rtol=1e-10)
    assert (jacobian - torch.eye(4)).abs().max() > 0.3


def test_leapfrog_keeps_energy_to_second_order() -> None:
    start = MIXTURE.log_prob(X) - 0.5 * NOISE.square().sum(1)
    errors = []
    for leaps in (16, 32, 64):
        step = torch.tensor(1.5 / leaps, dtype=torch.float64)
        x, momentum, _ = leapfrog(MIXTURE, X, NOISE, MIXTURE.score(X), step, leaps)
        energy = MIXTURE.log_prob(x) - 0.5 * momentum.square().sum(1)
        errors.append((energy - start).square().mean().sqrt())
    orders = torch.log2(torch.stack(errors[:-1]) / torch.stack(errors[1:]))
    close(orders, double(2.0, 2.0), rtol=0, atol=0.1)


def test_leapfrog_solves_the_oscillator() -> None:
    # x = cos(t), p = -sin(t) where the score is -x.
    ours = Gaussian([0.0], std=1.0)
    x, p = double(1.0)[None], double(0.0)[None]
    step = torch.tensor(1e-3, dtype=torch.float64)
    x, p, _ = leapfrog(ours, x, p, ours.score(x), step, 1000)
    close(torch.cat((x, p), 1), double(math.cos(1.0), -math.sin(1.0))[None], rtol=1e-6)


def test_one_leap_is_a_langevin_step() -> None:
    ours = run(MIXTURE, MALA(0.5 * 0.7**2), X, 20, seed=0)
    theirs = run(MIXTURE, Hamiltonian(0.7, 1, jitter=0.0), X, 20, seed=0)
    assert torch.equal(ours.accepted, theirs.accepted)
    assert 0.3 < ours.acceptance.mean() < 0.95
    close(ours.states, theirs.states, rtol=1e-9, atol=1e-9)


def test_jitter_spreads_the_step_evenly() -> None:
    ours = Gaussian([0.0], std=1e6)
    kernel = Hamiltonian(0.5, 2, jitter=0.4)
    x = torch.zeros(3, 1, dtype=torch.float64)
    place = double(0.0, 0.5, 1.0)
    proposed, _ = kernel.propose(ours, kernel.measure(ours, x), torch.ones_like(x), place)
    # Where nothing pulls, a unit push leads as far as the time it rolls.
    close(proposed[0][:, 0], 2 * 0.5 * double(0.6, 1.0, 1.4), rtol=1e-9)


def test_never_refusing_costs_a_bias() -> None:
    # On N(0, v) steps of size e end in the variance v / (1 - e / 2v).
    variance, size = 0.5, 0.2
    ours = Gaussian([0.0], std=math.sqrt(variance))
    x = run(ours, Langevin(size), torch.zeros(20_000, 1), 30, seed=0).states[-1]
    expected = variance / (1 - size / (2 * variance))
    assert abs(float(x.var()) / expected - 1) < 4 * math.sqrt(2 / 20_000)
    assert abs(float(x.var()) / variance - 1) > 8 * math.sqrt(2 / 20_000)
