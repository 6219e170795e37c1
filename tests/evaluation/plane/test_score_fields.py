"""Arrows: scores are gradients, wherever and in whatever unit they are looked at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snowmelt.densities import DoubleGaussian, GridDensity
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Geometric
from snowmelt.evaluation.plane.plane_arrays import VectorField
from snowmelt.evaluation.plane.raster import extent_of
from snowmelt.evaluation.plane.score_fields import (
    difference,
    field,
    lattice,
    score_of_denoiser,
    score_of_density,
)
from snowmelt.evaluation.plane.view import View

EXTENT = (-1.0, 1.0, -0.5, 0.5)
TIME = torch.tensor(0.3, dtype=torch.float64)
TRUTH = DoubleGaussian()
GRID = GridDensity([[1.0, 2.0], [3.0, 0.5]])
PROCESSES: list[Process] = [
    VariancePreserving(Cosine()),
    SubVariancePreserving(Cosine()),
    VarianceExploding(Geometric(0.05, 20.0)),
]


def test_the_places_are_the_middles_of_square_cells() -> None:
    points = lattice(EXTENT, 4)
    assert points.dtype == torch.float64
    assert points.tolist() == [
        [x, y] for x in (-0.75, -0.25, 0.25, 0.75) for y in (-0.25, 0.25)
    ]


@pytest.mark.parametrize("density", [TRUTH, GRID], ids=["mixture", "grid"])
@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
def test_the_true_score_is_the_gradient(process: Process, density: DoubleGaussian) -> None:
    found = score_of_density(density, process, TIME, EXTENT, cells=6)
    noisy, step = density.at(process, TIME), 1e-5
    points = torch.from_numpy(found.points)
    for axis, move in enumerate(step * torch.eye(2, dtype=torch.float64)):
        slope = (noisy.log_prob(points + move) - noisy.log_prob(points - move)) / (2 * step)
        np.testing.assert_allclose(found.vectors[:, axis], slope, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
def test_a_denoiser_without_error_has_the_true_score(process: Process) -> None:
    truth = score_of_density(TRUTH, process, TIME, EXTENT)
    found = score_of_denoiser(TRUTH.denoiser(process, V()), TIME, EXTENT)
    np.testing.assert_allclose(found.vectors, truth.vectors, rtol=1e-6, atol=1e-9)
    assert np.abs(difference(found, truth).vectors).max() < 1e-6
    assert np.array_equal(found.points, truth.points)


def test_the_network_is_asked_in_its_own_precision() -> None:
    asked = []

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def forward(self, x: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
            asked.append((x.dtype, x.requires_grad, torch.is_grad_enabled()))
            return self.weight * x

    denoiser = TRUTH.denoiser(PROCESSES[0], V())
    denoiser.net = Net()
    found = score_of_denoiser(denoiser, TIME, EXTENT, cells=3)
    assert asked == [(torch.float32, False, False)]
    assert found.vectors.dtype == np.float64


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
def test_in_the_datas_own_units_it_is_the_gradient_of_what_is_seen(
    process: Process,
) -> None:
    view = View(process, mean=(4.0, -1.0), std=2.5)
    seen = view.density(TRUTH, TIME)
    extent = extent_of(seen)
    truth = field(seen.score, extent)
    found = field(view.score(TRUTH.denoiser(process, V()), TIME), extent)
    np.testing.assert_allclose(found.vectors, truth.vectors, rtol=1e-6, atol=1e-9)


def test_differences_need_the_same_places() -> None:
    one = VectorField(np.zeros((2, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]))
    other = VectorField(np.zeros((2, 2)), np.array([[0.5, 0.0], [5.0, 4.0]]))
    assert difference(one, other).vectors.tolist() == [[0.5, 2.0], [-2.0, 0.0]]
    with pytest.raises(ValueError, match="not at the same places"):
        difference(one, VectorField(np.ones((2, 2)), other.vectors))
    with pytest.raises(ValueError, match="not at the same places"):
        difference(one, VectorField(np.zeros((3, 2)), np.zeros((3, 2))))
