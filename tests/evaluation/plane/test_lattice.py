"""Densities on a lattice are those that are asked for point by point."""

from __future__ import annotations

import pytest
import torch

from snowmelt.densities import (
    Density,
    DoubleGaussian,
    Gaussian,
    GaussianMixture,
    GridDensity,
    KernelDensity,
)
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Linear, ZeroTerminal
from snowmelt.evaluation.plane.lattice import centres, on_lattice

HALF = torch.tensor(0.4, dtype=torch.float64)
NOISY = VariancePreserving(Cosine())
VALUES = torch.rand(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
SPREADS = [[[0.3, 0.1], [0.1, 0.2]], [[1.0, -0.4], [-0.4, 1.0]]]
TILTED = GaussianMixture([0.4, 0.6], [[0.0, 0.3], [0.5, -0.2]], SPREADS)
GRID = GridDensity(VALUES, [[-1.0, 0.5], [-0.5, 1.0]])
DENSITIES = {
    "mixture": GaussianMixture([0.3, 0.7], [[0, 1], [1, 0.5]], [[0.2, 0.3], [0.4, 0.1]]),
    "tilted": TILTED,
    "kernel": KernelDensity(DoubleGaussian().sample(30, seed=0), 0.2),
    "clean grid": GRID,
    "noisy grid": GRID.at(NOISY, HALF).standardised([0.2, -0.1], 1.7),
    "solid": GridDensity(torch.ones(2, 3, 2) + VALUES[:2, :3, None], smoothing=0.3),
    "line": Gaussian([0.5], 0.4),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_every_point_is_asked_for(name: str) -> None:
    density = DENSITIES[name]
    size = density.size
    # As many places on each axis as on no other: a transposed answer has another shape.
    places = [centres(-1.2, 1.1 + 0.1 * axis, 3 + axis) for axis in range(size)]
    found = on_lattice(density, places)
    assert found.shape == tuple(3 + axis for axis in range(size))
    points = torch.cartesian_prod(*places).reshape(-1, size)
    expected = density.log_prob(points).exp().reshape(found.shape)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_any_density_can_be_asked() -> None:
    class Flat(Density):
        def sample(self, n: int, *, seed: int, dtype: torch.dtype) -> torch.Tensor:
            return torch.zeros(n, 2, dtype=dtype)

        def log_prob(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, 0] - 2 * x[:, 1]

    found = on_lattice(Flat(), [centres(0, 1, 70), centres(0, 1, 80)])
    assert found.shape == (70, 80)
    x, y = (3 + 0.5) / 70, (7 + 0.5) / 80
    assert float(found[3, 7].log()) == pytest.approx(x - 2 * y)


def test_the_places_are_the_middles_of_cells() -> None:
    assert centres(-1.0, 1.0, 4).tolist() == [-0.75, -0.25, 0.25, 0.75]
    with pytest.raises(ValueError, match="cells must be at least 1, got 0"):
        centres(0, 1, 0)
    with pytest.raises(ValueError, match="finite and rising, got 1 and 1"):
        centres(1, 1, 3)


def test_the_axes_must_be_those_of_the_density() -> None:
    for name in ("mixture", "noisy grid"):
        with pytest.raises(ValueError, match="2 dimensions needs as many rows"):
            on_lattice(DENSITIES[name], [centres(0, 1, 3)])


@pytest.mark.parametrize("time", [0.0, 1e-3, 0.9, 1.0])
def test_a_grid_from_the_data_to_noise_without_any_signal(time: float) -> None:
    process = VariancePreserving(ZeroTerminal(Linear()))
    noisy = GRID.at(process, torch.tensor(time, dtype=torch.float64))
    places = [centres(-2, 2, 9), centres(-1.5, 2, 8)]
    expected = noisy.log_prob(torch.cartesian_prod(*places)).exp().reshape(9, 8)
    assert expected.isfinite().all()
    torch.testing.assert_close(on_lattice(noisy, places), expected, rtol=1e-8, atol=1e-11)
