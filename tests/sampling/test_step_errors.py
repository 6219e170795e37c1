"""What Euler's rule loses on flows that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.sampling.exact_flows import STRAIGHT
from tests.tiny_models import PROCESSES, network, points

from snowmelt.densities import CoupledMixture, ExactFlow, Gaussian
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import Straight
from snowmelt.diffusion.predictions import Flow
from snowmelt.sampling.step_errors import COUNTS, step_errors

MANIFEST = replace(points(), std=1.0)


def flow(law: CoupledMixture) -> Denoiser:
    found = Denoiser(ExactFlow(law, STRAIGHT, Straight(), Flow()), STRAIGHT, Flow())
    starts = law.start.sample(60, seed=5, dtype=torch.float64)
    found.start = lambda index, seed: starts[index]
    found.has_score = False
    return found


DATA_STD, START_STD = 0.3, 1.0
LAW = CoupledMixture.independent(
    Gaussian([2.0, 0.0], std=DATA_STD), Gaussian([-2.0, 0.0], std=START_STD)
)
UNEVEN = flow(LAW)


def test_along_a_straight_line_one_step_is_enough() -> None:
    ends = Gaussian([1.0, 0.0], std=1e-3), Gaussian([-1.0, 2.0], std=1e-3)
    found = step_errors(flow(CoupledMixture.independent(*ends)), MANIFEST, count=40, seed=0)
    assert float(found["way"]) == pytest.approx(np.sqrt(8.0), abs=0.01)
    assert found["errors"].max() < 0.01


def narrowed(steps: int) -> float:
    """What Euler's rule makes of the deviation of one normal law on its way to another."""
    start, end = STRAIGHT.sigma(torch.tensor([1.0, 0.0], dtype=torch.float64)).tolist()

    def variance(u: float) -> float:
        return (1 - u) ** 2 * DATA_STD**2 + u**2 * START_STD**2

    factor = 1.0
    for u in np.linspace(start, end, steps + 1)[:-1]:
        slope = ((u - 1) * DATA_STD**2 + u * START_STD**2) / variance(u)
        left = u if u == np.linspace(start, end, steps + 1)[-2] else (start - end) / steps
        factor *= 1 - left * slope
    return factor


def test_the_error_is_that_of_the_product_of_eulers_factors() -> None:
    """The last step goes all the way to the data, as every sampler's does."""
    found = step_errors(UNEVEN, MANIFEST, count=40, seed=0)
    assert found["steps"].tolist() == list(COUNTS)
    assert UNEVEN.start is not None
    away = UNEVEN.start(torch.arange(40), 0) - LAW.start.mean()
    size = float(away.square().sum(1).mean().sqrt())
    wanted = [size * abs(narrowed(steps) - DATA_STD / START_STD) for steps in COUNTS]
    np.testing.assert_allclose(found["errors"], wanted, rtol=0.02, atol=2e-3)
    assert found["errors"][-2] / found["errors"][-1] == pytest.approx(2.0, abs=0.3)


def test_it_is_told_in_the_unit_of_the_data() -> None:
    one, seven = (
        step_errors(UNEVEN, replace(MANIFEST, std=std), count=20, seed=0)
        for std in (1.0, 7.0)
    )
    np.testing.assert_allclose(seven["errors"], 7.0 * one["errors"])
    np.testing.assert_allclose(seven["way"], 7.0 * one["way"])


def test_no_more_starts_than_there_are_and_none_without_a_slope() -> None:
    asked: list[int] = []
    watched = flow(LAW)
    begun = watched.start
    assert begun is not None

    def start(index: torch.Tensor, seed: int) -> torch.Tensor:
        asked.append(len(index))
        return begun(index, seed)

    watched.start = start
    step_errors(watched, MANIFEST, count=7, seed=0)
    assert set(asked) == {7}
    endless = network(points(), PROCESSES["no signal"])
    assert step_errors(endless, points(), count=5, seed=0) == {}
