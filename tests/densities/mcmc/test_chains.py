"""Laws of every Markov chain: what it leaves alone, what it counts, what it depends on."""

from __future__ import annotations

import math

import pytest
import torch
from tests.combinations import close, double
from torch import Tensor

from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.densities import DoubleGaussian, Gaussian, GaussianMixture, GridDensity
from snowmelt.densities.density import Density
from snowmelt.densities.mcmc import (
    MALA,
    Hamiltonian,
    Kernel,
    Langevin,
    Proposal,
    RandomWalk,
    run,
)
from snowmelt.densities.mcmc.chains import State

# Close enough together for every chain to cross, and not symmetric.
LINE = GaussianMixture([0.3, 0.7], [[-1.0], [0.8]], [0.16, 0.36])
EXACT: dict[str, Kernel] = {
    "random walk": RandomWalk(1.2),
    "langevin": MALA(0.25),
    "hamiltonian": Hamiltonian(0.55, 4, jitter=0.5),
}
KERNELS: dict[str, Kernel] = EXACT | {"unadjusted": Langevin(0.1)}
every_exact = pytest.mark.parametrize("name", EXACT)
every_kernel = pytest.mark.parametrize("name", KERNELS)


def cdf(x: Tensor) -> Tensor:
    scaled = (x - LINE.means[:, 0]) / LINE.variances[:, 0].sqrt()
    return torch.special.ndtr(scaled) @ LINE.weights


def misfit(x: Tensor) -> float:
    """Kolmogorov's statistic; above 2.2 once in eight thousand times."""
    ranks = (torch.arange(len(x)) + 0.5) / len(x)
    return float((cdf(x).sort().values - ranks).abs().max()) * math.sqrt(len(x))


@every_exact
def test_the_density_is_left_as_it_is(name: str) -> None:
    start = LINE.sample(40_000, seed=1, dtype=torch.float64)
    chains = run(LINE, KERNELS[name], start, 6, seed=2)
    # Many are refused: what comes out is the work of Metropolis' rule.
    assert 0.2 < chains.acceptance.mean() < 0.95
    assert misfit(chains.states[-1]) < 2.2
    assert misfit(chains.states[0]) < 2.2


def test_without_refusal_it_is_not() -> None:
    start = LINE.sample(40_000, seed=1, dtype=torch.float64)
    assert misfit(run(LINE, Langevin(0.1), start, 6, seed=2).states[-1]) > 2.2


@every_exact
def test_from_one_place_to_the_density(name: str) -> None:
    start = torch.full((20_000, 1), -1.0, dtype=torch.float64)
    chains = run(LINE, KERNELS[name], start, 60, seed=0)
    assert misfit(chains.states[0]) > 20
    assert misfit(chains.states[-1]) < 2.2


def test_cells_of_a_picture_by_a_random_walk() -> None:
    # Known cell by cell, with a hole in it: chi-squared of 3 degrees of freedom.
    ours = GridDensity([1.0, 4.0, 0.0, 3.0, 2.0], [[0.0, 5.0]])
    start = torch.full((20_000, 1), 0.5, dtype=torch.float64)
    x = run(ours, RandomWalk(1.5), start, 60, seed=0).states[-1]
    counts = torch.bincount(x.floor().long().flatten(), minlength=5)
    assert counts[2] == 0
    expected = 20_000 * double(0.1, 0.4, 1.0, 0.3, 0.2)
    distances = ((counts - expected) ** 2 / expected)[[0, 1, 3, 4]]
    # Exceeds 21 once in ten thousand times.
    assert distances.sum() < 21


@every_exact
def test_moments_of_a_gaussian(name: str) -> None:
    full = torch.tensor([[0.5, 0.3], [0.3, 0.4]], dtype=torch.float64)
    ours = Gaussian([0.3, -0.7], covariance=full)
    kernel = {
        "random walk": RandomWalk(0.8),
        "langevin": MALA(0.12),
        "hamiltonian": Hamiltonian(0.3, 5),
    }[name]
    start = 2 * torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    chains = run(ours, kernel, start, 300, seed=0)
    x = chains.states[100:]
    away = x - ours.mean()
    found = torch.stack(
        (x[..., 0], x[..., 1], away[..., 0] ** 2, away[..., 1] ** 2, away.prod(-1)), -1
    ).mean(0)
    expected = double(0.3, -0.7, 0.5, 0.4, 0.3)
    # Chains are independent of each other, so the error is that of a mean over them.
    error = found.std(0) / math.sqrt(400)
    assert ((found.mean(0) - expected).abs() < 4 * error).all()
    assert (error < 0.03).all()


@every_kernel
def test_chains_do_not_depend_on_those_beside_them(name: str) -> None:
    density, kernel = DoubleGaussian(), KERNELS[name]
    start = density.sample(9, seed=0)
    together = run(density, kernel, start, 20, seed=5)
    assert together.states.shape == (20, 9, 2)
    assert together.states.dtype == torch.float64
    for rows in (slice(0, 1), slice(2, 7)):
        some = run(density, kernel, start[rows], 20, seed=5, index=torch.arange(9)[rows])
        assert torch.equal(some.states, together.states[:, rows])
        assert torch.equal(some.accepted, together.accepted[:, rows])
    # Nor on where a run is interrupted.
    before = run(density, kernel, start, 8, seed=5)
    after = run(density, kernel, before.states[-1], 12, seed=5, first=8)
    assert torch.equal(torch.cat((before.states, after.states)), together.states)
    assert not torch.equal(run(density, kernel, start, 20, seed=6).states, together.states)
    assert not torch.equal(together.states[:, 0], together.states[:, 1])


def test_chains_have_numbers_of_their_own() -> None:
    # Where nothing is refused, a step is its noise; that of no step makes up the draws.
    flat = Gaussian([0.0, 0.0], std=1e9)
    chains = run(flat, RandomWalk(1.0), torch.zeros(4, 2), 20, seed=0)
    noise = chains.states.diff(dim=0)
    drawn = Gaussian([0.0, 0.0], std=1.0).sample(4, seed=0, dtype=torch.float64)
    assert chains.accepted.all()
    assert ((noise - drawn).abs() > 1e-4).any(-1).all()
    assert ((noise[1:] - noise[:-1]).abs() > 1e-4).any(-1).all()


@pytest.mark.parametrize("at_once", [1, 8, 25, 10**6])
def test_noise_is_that_of_its_chain_and_step(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The numbers are a promise: with others, no published table could be made again.
    monkeypatch.setattr("snowmelt.densities.mcmc.chains._AT_ONCE", at_once)
    seen: list[tuple[Tensor, Tensor]] = []

    class Noted(RandomWalk):
        def propose(
            self, density: Density, state: State, noise: Tensor, place: Tensor
        ) -> Proposal:
            seen.append((noise, place))
            return super().propose(density, state, noise, place)

    index = torch.tensor([4, 0, 2**40])
    start, walk = torch.zeros(3, 2), Noted(0.5)
    found = run(DoubleGaussian(), walk, start, 11, seed=7, index=index, first=3)
    assert len(seen) == 11
    density, x = DoubleGaussian(), start.double()
    for number, (noise, place) in enumerate(seen):
        key = 2**16 + 2 * (number + 3)
        keyed = {"seed": 7, "stream": Stream.DENSITY, "index": index}
        assert torch.equal(noise, normal((2,), step=key, **keyed).double())
        choices = uniform((2,), step=key + 1, **keyed)
        assert torch.equal(place, choices[:, 1])
        there = x + 0.5 * noise
        is_taken = choices[:, 0].log() < density.log_prob(there) - density.log_prob(x)
        x = torch.where(is_taken[:, None], there, x)
        assert torch.equal(found.states[number], x)


@pytest.mark.parametrize(
    ("kernel", "log_probs", "scores"),
    [
        (RandomWalk(0.1), 11, 0),
        (Langevin(0.1), 0, 11),
        (MALA(0.1), 11, 11),
        (Hamiltonian(0.1, 7), 11, 71),
    ],
)
def test_questions_are_counted(kernel: Kernel, log_probs: int, scores: int) -> None:
    ours = DoubleGaussian()
    chains = run(ours, kernel, ours.sample(4, seed=0), 10, seed=0)
    assert (chains.log_probs, chains.scores) == (4 * log_probs, 4 * scores)
    assert chains.evaluations == 4 * (log_probs + scores)
    assert chains.points(3).shape == (28, 2)
    assert torch.equal(chains.points(3)[:4], chains.states[3])


@every_kernel
def test_a_refused_step_stays(name: str) -> None:
    kernel = {"random walk": RandomWalk(2.0), "langevin": MALA(0.5)}.get(
        name, KERNELS[name]
    )
    start = LINE.sample(50, seed=0, dtype=torch.float64)
    seen: list[tuple[int, Tensor]] = []
    chains = run(LINE, kernel, start, 20, seed=0, watch=lambda *it: seen.append(it))
    path = torch.cat((start[None], chains.states))
    assert torch.equal((path[1:] != path[:-1]).any(-1), chains.accepted)
    close(chains.acceptance, chains.accepted.double().mean(0))
    assert [step for step, _ in seen] == list(range(20))
    assert torch.equal(torch.stack([x for _, x in seen]), chains.states)
    assert bool(chains.accepted.all()) == (name == "unadjusted")


@every_kernel
def test_events_of_any_shape(name: str) -> None:
    density = Gaussian(torch.zeros(12), std=0.5)
    start = density.sample(3, seed=0)
    flat = run(density, KERNELS[name], start, 5, seed=0)
    picture = run(density, KERNELS[name], start.reshape(3, 3, 2, 2), 5, seed=0)
    assert torch.equal(picture.states.flatten(2), flat.states)


class Broken(Density):
    """One that cannot be asked on the right."""

    def sample(self, n: int, *, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
        raise NotImplementedError

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, math.nan, -0.5 * x**2).sum(-1)

    def score(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, math.nan, -x)


@every_exact
def test_places_that_cannot_be_asked_are_refused(name: str) -> None:
    chains = run(Broken(), EXACT[name], torch.full((50, 1), -0.3), 30, seed=0)
    assert (chains.states <= 0).all()
    assert 0 < chains.acceptance.mean() < 1


def test_what_cannot_be_run_is_refused() -> None:
    ours, kernel, start = DoubleGaussian(), RandomWalk(1.0), torch.zeros(3, 2)
    for given, named in (
        ({"steps": 0}, "steps must be at least 1"),
        ({"steps": 1, "first": -1}, "first"),
        ({"steps": 1, "index": torch.arange(2)}, "one index a chain"),
    ):
        with pytest.raises(ValueError, match=named):
            run(ours, kernel, start, seed=0, **given)
    with pytest.raises(ValueError, match="positive and finite"):
        run(GridDensity([1.0, 0.0]), kernel, torch.full((1, 1), 0.5), 1, seed=0)
    for wrong in (0.0, -1.0, math.nan, math.inf):
        for make, named in (
            (RandomWalk, "std"),
            (Langevin, "size"),
            (MALA, "size"),
            (Hamiltonian, "step"),
        ):
            with pytest.raises(ValueError, match=f"{named} must be positive"):
                make(wrong)
    with pytest.raises(ValueError, match="leaps"):
        Hamiltonian(0.1, 0)
    for jitter in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match="jitter"):
            Hamiltonian(0.1, 1, jitter)
