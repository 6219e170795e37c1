"""The cost of a transport and the energy of its ways, where both are known."""

from __future__ import annotations

import math

import pytest
import torch
from tests.sampling.exact_flows import STRAIGHT, ExactFlow
from torch import Tensor

from snowmelt.densities import CoupledMixture, Gaussian
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import Straight
from snowmelt.diffusion.predictions import Flow
from snowmelt.evaluation.transport_energy import path_energies, transport_cost

COUNT = 20_000


def flow(law: CoupledMixture) -> Denoiser:
    denoiser = Denoiser(ExactFlow(law, STRAIGHT, Straight(), Flow()), STRAIGHT, Flow())
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(COUNT, law.size, dtype=torch.float64, generator=generator)
    starts = law.start.mean() + noise @ torch.linalg.cholesky(law.start.covariance()).T
    denoiser.start = lambda index, seed: starts[index]
    denoiser.has_score = False
    return denoiser


def energies(law: CoupledMixture, steps: int = 200) -> Tensor:
    return path_energies(flow(law), torch.arange(COUNT), (law.size,), steps=steps)


def test_independent_pairs_of_equal_normals_cost_what_no_transport_would() -> None:
    r"""The flow moves each point out and back. With $q = 1 - 2u + 2u^2$ its energy is
    $\int (q')^2 / 4q\,du = 2 - \pi/2$ for each coordinate, and the shift beside it."""
    data, start = Gaussian([1.0, 0.0], std=1.0), Gaussian([0.0, 0.0], std=1.0)
    found = energies(CoupledMixture.independent(data, start))
    expected = 1.0 + 2 * (2.0 - 0.5 * math.pi)
    assert float(found.mean()) == pytest.approx(expected, rel=0.02)


def test_straight_ways_have_the_energy_of_their_length() -> None:
    """Pairs of a line: 2 x + 1 of each start, the ways of which never bend."""
    line = [[4.0, 2.0], [2.0, 1.0 + 1e-6]]
    law = CoupledMixture([1.0], [[1.0, 0.0]], [line])
    denoiser = flow(law)
    assert denoiser.start is not None
    begun = denoiser.start(torch.arange(COUNT), 0)
    ended = 1.0 + 2.0 * begun
    found = energies(law, steps=20)
    torch.testing.assert_close(found, (ended - begun).square().sum(1), rtol=0.02, atol=0.05)
    assert float(found.mean()) == pytest.approx(transport_cost(ended, begun), rel=0.01)


def test_the_cost_adds_coordinates_and_averages_ways() -> None:
    one, other = torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2)
    other[1] *= 3.0
    assert transport_cost(one, other) == 0.5 * (4 * 1.0 + 4 * 9.0)
    with pytest.raises(ValueError, match="ends of ways have one shape"):
        transport_cost(one, other[:1])
