"""Chains: what they cost, what they are tuned to, and where they stay."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from tests.evaluation.mcmc_benchmark.counting import Counted

from snowmelt.densities import DoubleGaussian, Gaussian
from snowmelt.densities.mcmc import run
from snowmelt.evaluation.mcmc_benchmark.chain_clouds import (
    METHODS,
    ChainMethod,
    chain_run,
    unadjusted,
)
from snowmelt.evaluation.mcmc_benchmark.chain_starts import (
    STARTS,
    single_point,
    standard_normal,
)

ALL = (*METHODS, unadjusted(0.03))
every_method = pytest.mark.parametrize("method", ALL, ids=lambda method: method.name)


@every_method
@pytest.mark.parametrize("budget", [13, 57, 100])
def test_evaluations_are_those_that_were_made(method: ChainMethod, budget: int) -> None:
    density = Counted()
    found = chain_run(
        density, method, single_point(density, 6, 0), budget=budget, warmup=30, seed=0
    )
    assert found is not None
    assert density.asked == 6 * found.evaluations(budget) == found.chains.evaluations
    assert budget - method.each < density.asked / 6 <= budget


@every_method
def test_a_budget_that_pays_for_no_step(method: ChainMethod) -> None:
    density = Counted()
    start = single_point(density, 6, 0)
    least = method.first + method.each
    assert chain_run(density, method, start, budget=least - 1, warmup=0, seed=0) is None
    assert density.asked == 0
    found = chain_run(density, method, start, budget=least, warmup=0, seed=0)
    assert found is not None
    assert len(found.chains.states) == 1
    assert found.evaluations(least - 1) is None
    assert found.evaluations(least) == least


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize("guess", [0.3, 3.0])
def test_steps_are_tuned_to_the_textbook(method: ChainMethod, guess: float) -> None:
    given = dataclasses.replace(method, guess=method.guess * guess)
    density = Gaussian([0.0, 0.0, 0.0], std=0.3)
    start = density.sample(200, seed=0)
    warmup = 30 * method.each + method.first
    budget = warmup + 30 * method.each
    found = chain_run(density, given, start, budget=budget, warmup=warmup, seed=0)
    assert found is not None
    assert found.tuned == 30
    assert found.acceptance == pytest.approx(method.target, abs=0.05)
    assert method.target in (0.234, 0.574, 0.7)


def test_after_the_warmup_the_size_is_fixed() -> None:
    density = DoubleGaussian()
    start, method = standard_normal(density, 50, 0), METHODS[0]
    found = chain_run(density, method, start, budget=200, warmup=101, seed=3)
    assert found is not None
    assert found.tuned == 100
    kernel = method.kernel(found.size)
    later = run(density, kernel, found.at(101), 99, seed=3, first=100)
    assert torch.equal(later.states, found.chains.states[100:])
    assert torch.equal(found.at(200), later.states[-1])
    assert len(found.second_half(200)) == 100
    # What was tuned may not depend on how long the chains then run.
    short = chain_run(density, method, start, budget=101, warmup=101, seed=3)
    assert short is not None
    assert short.size == found.size
    assert math.isnan(short.acceptance)


def test_nothing_tunes_what_never_refuses() -> None:
    density = DoubleGaussian()
    method = unadjusted(0.07)
    found = chain_run(
        density, method, standard_normal(density, 5, 0), budget=50, warmup=40, seed=0
    )
    assert found is not None
    assert (found.size, found.tuned, found.acceptance) == (0.07, 0, 1.0)


def test_starts() -> None:
    density = DoubleGaussian(2.0, size=3)
    assert set(STARTS) == {"N(0, 1)", "one place"}
    x = standard_normal(density, 4000, 0)
    assert x.shape == (4000, 3)
    assert x.mean(0).abs().max() < 0.06
    assert x.var(0) == pytest.approx(1.0, abs=0.08)
    assert not torch.equal(x, standard_normal(density, 4000, 1))
    place = single_point(density, 3, 0)
    assert torch.equal(place, torch.tensor([[-1.0, 0.0, 0.0]]).double().expand(3, 3))
