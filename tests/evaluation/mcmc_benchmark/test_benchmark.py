"""The whole comparison: every cloud there, counted as it was made, and the stuck named."""

from __future__ import annotations

import pytest
import torch
from tests.evaluation.mcmc_benchmark.counting import Counted, zeros
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.densities import DoubleGaussian, Gaussian, GridDensity
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.evaluation.mcmc_benchmark import chain_clouds, sampler_clouds
from snowmelt.evaluation.mcmc_benchmark.benchmark import (
    DIAGNOSED,
    TRACED,
    Measured,
    Row,
    _rows,
    _walked,
    measure,
)
from snowmelt.evaluation.mcmc_benchmark.chain_starts import STARTS
from snowmelt.evaluation.mcmc_benchmark.sampler_clouds import Score, draw
from snowmelt.evaluation.mcmc_benchmark.score_models import exact
from snowmelt.evaluation.settings import MCMCSettings

PROCESS = VariancePreserving(Cosine())
SMALL = MCMCSettings(
    points=40, seeds=2, budgets=(5, 24, 60), warmup=30, most_calls=24, floor_pairs=2
)


@pytest.fixture(scope="module")
def measured() -> Measured:
    density = DoubleGaussian()
    return measure(density, [exact(density, PROCESS)], SMALL, seed=3)


def test_every_cloud_is_there_once(measured: Measured) -> None:
    rows = measured.rows
    keys = {(r.method, r.family, r.start, r.budget, r.seed) for r in rows}
    assert len(keys) == len(rows)
    # Ten leaps cost more than five evaluations; diffusion is not run above its most.
    of_chains = 2 * 2 * (4 * 3 - 1)
    assert sum(r.family == "chain" for r in rows) == of_chains
    assert sum(r.family == "exact score" for r in rows) == 2 * 4 * 2
    assert {r.seed for r in rows} == {3, 4}
    assert {r.start for r in rows if r.family == "chain"} == set(STARTS)
    assert all(0 < r.evaluations <= r.budget for r in rows)
    assert all(r.training == 0 for r in rows)
    assert len(measured.floor) == 2
    assert measured.weight == pytest.approx(0.3)


class Recorded(DoubleGaussian):
    """Keeps the draws that it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[Tensor] = []

    def sample(self, n: int, *, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
        x = super().sample(n, seed=seed, dtype=dtype)
        if n > 1:  # one alone is asked for its size
            self.drawn.append(x)
        return x


def test_true_clouds_and_those_of_the_floor_have_no_point_in_common() -> None:
    """Neither with each other, nor with the draws of a data set of any of the seeds."""
    density = Recorded()
    measure(density, [exact(density, PROCESS)], SMALL, seed=3)
    points, pairs = SMALL.points, SMALL.floor_pairs
    assert [len(x) for x in density.drawn] == [points, points, 2 * pairs * points]
    data = [DoubleGaussian().sample(500, seed=s, dtype=torch.float64) for s in range(6)]
    apart = torch.cat([*density.drawn, *data])
    assert len(apart.unique(dim=0)) == len(apart)


def test_it_can_be_repeated(measured: Measured) -> None:
    density = DoubleGaussian()
    fewer = MCMCSettings(points=40, seeds=1, budgets=(5, 24), most_calls=24, floor_pairs=2)
    again = measure(density, [exact(density, PROCESS)], fewer, seed=3)

    def known(rows: list[Row]) -> dict[tuple[str, str, int], float]:
        return {
            (r.method, r.start, r.budget): r.quality.wasserstein_2
            for r in rows
            if r.seed == 3 and r.method in ("random walk", "DDPM chain") and r.budget < 60
        }

    assert known(again.rows) == known(measured.rows)
    first, second = (
        [r.quality.wasserstein_2 for r in measured.rows if r.seed == s] for s in (3, 4)
    )
    assert first != second


def test_what_was_asked_is_what_was_counted() -> None:
    """Every call of the denoiser and of the density, by whichever way it is made."""
    density = Counted()
    score = exact(density, PROCESS)
    for method in sampler_clouds.METHODS:
        for budget in (1, 2, 9, 10):
            sampler = method.sampler(budget)
            density.asked = 0
            draw(score, sampler, 7, seed=0)
            assert density.asked == 7 * sampler.evaluations
            assert budget - 2 < sampler.evaluations <= budget


def test_learned_clouds_come_back_in_the_units_of_the_density() -> None:
    density = DoubleGaussian()
    mean, std = torch.tensor([3.0, -1.0]).double(), 2.0
    own = exact(density, PROCESS)
    moved = Score("learned", own.denoiser, mean, std, training=5)
    sampler = sampler_clouds.METHODS[3].sampler(8)
    x = draw(own, sampler, 9, seed=0)
    assert x.dtype == torch.float64
    assert torch.allclose(draw(moved, sampler, 9, seed=0), mean + std * x)
    found = measure(density, [own, moved], SMALL, seed=0)
    learned = [r for r in found.rows if r.family == "learned score"]
    assert {r.method for r in learned} == {m.name for m in sampler_clouds.LEARNED}
    assert {r.training for r in learned} == {5}
    assert min(r.quality.wasserstein_2 for r in learned) > 2.0
    # Ways are drawn of the exact score, as chains ask the exact density.
    assert found.traces[-1].title.endswith("exact score")


def test_exact_diffusion_reaches_the_floor_and_stuck_chains_do_not() -> None:
    density = DoubleGaussian(4.0)
    settings = MCMCSettings(
        points=100, seeds=1, budgets=(50, 400), floor_pairs=1, most_calls=50
    )
    rows = measure(density, [exact(density, PROCESS)], settings, seed=0).rows
    for row in rows:
        weight = row.quality.weight
        assert weight is not None
        if row.family != "chain":
            assert weight == pytest.approx(0.3, abs=0.16)
        elif row.start == "one place":
            # All of them stay, and nothing tells: this is how chains are fooled.
            assert weight > 0.99
            if row.budget == 400 and row.method == "MALA":
                assert row.rhat is not None
                assert row.rhat < 1.05
        elif row.budget == 400:
            # From afar they stay too, and R-hat tells.
            assert weight == pytest.approx(0.5, abs=0.16)
            assert row.rhat is not None
            assert row.rhat > 1.3
            assert row.draw_cost is not None
            assert row.draw_cost > 50


def test_the_untuned_walk_takes_the_size_of_the_tuned_one() -> None:
    density, rows = DoubleGaussian(), list[Row]()
    true = density.sample(20, seed=0)
    settings = MCMCSettings(points=20, seeds=1, budgets=(50,), warmup=40)
    list(_walked(density, true, settings, 0, rows))
    sizes = {(row.method, row.start): row.size for row in rows}
    for start in STARTS:
        assert sizes["Langevin, unadjusted", start] == sizes["MALA", start]
    assert sizes["MALA", "N(0, 1)"] != sizes["MALA", "one place"]


def test_chains_of_two_starts_have_noise_of_their_own() -> None:
    flat = Gaussian([0.0, 0.0], std=1e9)  # where nothing is refused, a step is its noise
    settings = MCMCSettings(points=20, seeds=1, budgets=(5,), warmup=0)
    noise = [
        walk.chains.states.diff(dim=0)
        for _, walk in _walked(flat, flat.sample(20, seed=0), settings, 0, [])
        if walk is not None and walk.method.name == "random walk"
    ]
    assert len(noise) == 2
    assert ((noise[0] - noise[1]).abs() > 1e-6).any(-1).all()


def test_diagnosis_is_of_the_second_half() -> None:
    density = DoubleGaussian()
    start = STARTS["one place"](density, DIAGNOSED + 10, 0)
    method = chain_clouds.METHODS[0]
    walk = chain_clouds.chain_run(density, method, start, budget=61, warmup=10, seed=0)
    assert walk is not None
    settings = MCMCSettings(points=len(start), budgets=(10, 61))
    true = density.sample(len(start), seed=1)
    early, late = _rows(density, true, walk, "one place", settings, 0)
    assert early.rhat is None  # five states say nothing
    assert late.ess is not None
    assert late.draw_cost == pytest.approx(30 / late.ess)
    assert late.acceptance == pytest.approx(walk.acceptance)


def test_traces_are_of_the_first_few(measured: Measured) -> None:
    of_chains, of_diffusion = measured.traces
    assert of_chains.is_chain
    assert not of_diffusion.is_chain
    assert of_chains.states.shape == (30, TRACED)
    assert list(of_chains.evaluations[:3]) == [2, 4, 6]
    assert of_diffusion.states.shape == (25, TRACED)
    # Both set out from the same points.
    assert of_chains.states[0] == pytest.approx(of_diffusion.states[0], abs=1e-6)


def test_a_density_that_chains_cannot_start_on() -> None:
    density = GridDensity([[1.0, 2.0], [3.0, 4.0]], [[-1.0, 1.0], [-1.0, 1.0]])
    score = Score("exact", density.denoiser(PROCESS, V()), zeros())
    with pytest.raises(UserError, match="positive"):
        measure(density, [score], SMALL, seed=0)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"points": 3}, "mcmc.points"),
        ({"seeds": 0}, "mcmc.seeds"),
        ({"warmup": -1}, "mcmc.warmup"),
        ({"most_calls": True}, "mcmc.most_calls"),
        ({"floor_pairs": 0}, "mcmc.floor_pairs"),
        ({"budgets": []}, "mcmc.budgets"),
        ({"budgets": [10, 10]}, "mcmc.budgets"),
        ({"budgets": [10, 5]}, "mcmc.budgets"),
        ({"budgets": [0, 5]}, "mcmc.budgets"),
        ({"budgets": [1.5]}, "mcmc.budgets"),
    ],
)
def test_settings_are_checked(given: dict[str, object], named: str) -> None:
    with pytest.raises(UserError, match=named):
        MCMCSettings.of(given)
