"""What Euler's rule loses on flows that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.sampling.exact_flows import STRAIGHT
from tests.tiny_models import PROCESSES, network, points

from snowmelt.densities import CoupledMixture, ExactFlow, Gaussian, GaussianMixture
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


LAW = CoupledMixture.independent(
    GaussianMixture([0.5, 0.5], [[2.0, 1.0], [2.0, -1.0]], 0.05),
    GaussianMixture([0.5, 0.5], [[-2.0, 1.0], [-2.0, -1.0]], 0.05),
)
CROOKED = flow(LAW)


def test_along_a_straight_line_one_step_is_enough() -> None:
    ends = Gaussian([1.0, 0.0], std=1e-3), Gaussian([-1.0, 2.0], std=1e-3)
    found = step_errors(flow(CoupledMixture.independent(*ends)), MANIFEST, count=40, seed=0)
    assert float(found["way"]) == pytest.approx(np.sqrt(8.0), abs=0.01)
    assert found["errors"].max() < 0.01


def test_twice_as_many_steps_halve_the_error_of_a_crooked_one() -> None:
    found = step_errors(CROOKED, MANIFEST, count=40, seed=0)
    assert found["steps"].tolist() == list(COUNTS)
    assert found["errors"][0] > 0.2
    assert found["errors"][-2] / found["errors"][-1] == pytest.approx(2.0, abs=0.35)
    assert (np.diff(found["errors"]) < 0).all()


def test_it_is_told_in_the_unit_of_the_data() -> None:
    one, seven = (
        step_errors(CROOKED, replace(MANIFEST, std=std), count=20, seed=0)
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
