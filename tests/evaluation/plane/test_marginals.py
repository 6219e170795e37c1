"""One coordinate alone, and how its density melts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snowmelt.densities import (
    Density,
    Gaussian,
    GaussianMixture,
    GridDensity,
    KernelDensity,
)
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric
from snowmelt.evaluation.plane.lattice import centres, on_lattice
from snowmelt.evaluation.plane.marginals import marginal, marginal_in_time
from snowmelt.evaluation.plane.view import View

VALUES = torch.rand(
    6, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
)
GRID = GridDensity(VALUES, [[-1, 2], [0, 1], [-3, 1]], smoothing=0.2)
ROOT = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
TILTED = GaussianMixture(
    [0.4, 0.6], [[0, 1, 2], [3, 1, -1]], ROOT @ ROOT.mT + 0.1 * torch.eye(3)
)
PLAIN = GaussianMixture([0.4, 0.6], [[0, 1, 2], [3, 1, -1]], [[1, 2, 3], [0.5, 1, 0.2]])


@pytest.mark.parametrize("density", [GRID, TILTED, PLAIN], ids=["grid", "tilted", "plain"])
@pytest.mark.parametrize("axes", [(0,), (2,), (2, 0)])
def test_the_other_coordinates_are_integrated_out(
    density: GaussianMixture | GridDensity, axes: tuple[int, ...]
) -> None:
    some = marginal(density, axes)
    kept = list(axes)
    torch.testing.assert_close(some.mean(), density.mean()[kept])
    torch.testing.assert_close(some.covariance(), density.covariance()[kept][:, kept])
    # The whole density, summed over what is left out, at a few places of what is kept.
    fine = [centres(-9.0, 9.0, 90) for _ in range(3)]
    few = torch.tensor([-0.3, 0.4, 1.1], dtype=torch.float64)
    places = [few if axis in kept else fine[axis] for axis in range(3)]
    whole = on_lattice(density, places)
    others = [axis for axis in range(3) if axis not in kept]
    summed = whole.sum(others) * (18.0 / 90) ** len(others)
    if axes == (2, 0):
        summed = summed.T
    found = on_lattice(some, [few] * len(axes))
    torch.testing.assert_close(found, summed, rtol=2e-3, atol=1e-6)


def test_a_density_known_by_draws_alone_and_points_get_bumps() -> None:
    class Drawn(Density):
        def sample(self, n: int, *, seed: int, dtype: torch.dtype) -> torch.Tensor:
            return PLAIN.sample(n, seed=seed, dtype=dtype)

        def log_prob(self, x: torch.Tensor) -> torch.Tensor:
            raise NotImplementedError

    place = centres(-6.0, 8.0, 200)
    exact = on_lattice(marginal(PLAIN), [place])
    for shown in (Drawn(), PLAIN.sample(4000, seed=5)):
        some = marginal(shown, (0,))
        assert isinstance(some, KernelDensity)
        assert some.size == 1
        assert float((on_lattice(some, [place]) - exact).abs().max()) < 0.05
    with pytest.raises(TypeError, match="a density or points are needed, got str"):
        marginal("points")


def test_a_coordinate_that_never_changes_has_a_density_still() -> None:
    assert marginal(torch.zeros(10, 2), (1,)).variances.min() > 0


@pytest.mark.parametrize("axes", [(3,), (), (0, 0), (-1,)])
def test_there_must_be_such_coordinates(axes: tuple[int, ...]) -> None:
    for density in (GRID, PLAIN, torch.zeros(4, 3)):
        with pytest.raises(ValueError, match="axes must be different ones of 3"):
            marginal(density, axes)


PROCESSES: dict[str, Process] = {
    "preserving": VariancePreserving(Cosine()),
    "exploding": VarianceExploding(Geometric(0.01, 50.0)),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_column_is_the_density_of_its_time(name: str) -> None:
    process = PROCESSES[name]
    view = View(process, mean=(5.0, 2.0), std=3.0)
    density = Gaussian([0.5, -0.3], [0.3, 0.2])
    found = marginal_in_time(density, view, -20.0, 24.0, axis=1, columns=7, rows=400)
    assert found.extent == (0.0, 1.0, -20.0, 24.0)
    assert found.values.shape == (1, 400, 7)
    np.testing.assert_allclose(found.values.sum(axis=1) * 44.0 / 400, 1.0, atol=1e-3)
    place = centres(-20.0, 24.0, 400).numpy()
    for column in (0, 3, 6):
        t = torch.tensor((column + 0.5) / 7, dtype=torch.float64)
        share = found.values[0, :, column] * 44.0 / 400
        alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
        shrunk = max(1.0, (alpha**2 + sigma**2) ** 0.5)
        mean = 2.0 + 3.0 * alpha * -0.3 / shrunk
        std = 3.0 * ((0.2 * alpha) ** 2 + sigma**2) ** 0.5 / shrunk
        assert float(share @ place) == pytest.approx(mean, abs=0.01)
        spread = float(share @ (place - mean) ** 2) ** 0.5
        assert spread == pytest.approx(std, rel=0.01, abs=0.01)


def test_points_will_do() -> None:
    points = Gaussian([0.0, 1.0], 0.3).sample(500, seed=0)
    found = marginal_in_time(
        points, View(PROCESSES["preserving"]), -5, 5, axis=1, columns=5
    )
    assert found.values.shape == (1, 160, 5)
    np.testing.assert_allclose(found.values.sum(axis=1) * 10 / 160, 1.0, atol=1e-3)
    assert found.values[0, :, 0].argmax() == pytest.approx(96, abs=6)  # y = 1
