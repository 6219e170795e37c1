"""How near a cloud is: exact draws reach the floor, wrong ones do not."""

from __future__ import annotations

import math
import statistics

import pytest
import torch

from snowmelt.densities import (
    Density,
    DoubleGaussian,
    Gaussian,
    GaussianMixture,
    KernelDensity,
    Scott,
)
from snowmelt.evaluation.mcmc_benchmark.cloud_quality import (
    floor,
    quality,
    true_weight,
    weight,
)

DENSITY = DoubleGaussian()


def test_true_draws_are_at_the_floor() -> None:
    found = floor(DENSITY, 200, 12, seed=0)
    distances = [one.wasserstein_2 for one in found]
    assert len(set(distances)) == 12
    fresh = DENSITY.sample(200, seed=7), DENSITY.sample(200, seed=8)
    again = quality(DENSITY, *fresh)
    width = statistics.stdev(distances)
    assert abs(again.wasserstein_2 - statistics.fmean(distances)) < 4 * width
    # The energy distance has no bias.
    energies = [one.energy_distance for one in found]
    assert abs(statistics.fmean(energies)) < 4 * statistics.stdev(energies) / math.sqrt(12)
    weights = [one.weight for one in found]
    assert statistics.fmean(weights) == pytest.approx(
        0.3, abs=4 * math.sqrt(0.21 / 200 / 12)
    )


def test_no_point_of_the_floor_is_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs that share a cloud would scatter too little."""
    clouds: list[torch.Tensor] = []

    def keeps(density: Density, one: torch.Tensor, two: torch.Tensor) -> None:
        clouds.extend((one, two))

    monkeypatch.setattr("snowmelt.evaluation.mcmc_benchmark.cloud_quality.quality", keeps)
    assert len(floor(DENSITY, 7, 5, seed=0)) == 5
    assert [cloud.shape for cloud in clouds] == [(7, 2)] * 10
    assert len(torch.cat(clouds).unique(dim=0)) == 70


@pytest.mark.parametrize("far", [math.inf, -math.inf, math.nan, 1e200, -1e4])
def test_a_cloud_that_ran_away_is_infinitely_far(far: float) -> None:
    true = DENSITY.sample(20, seed=1, dtype=torch.float64)
    cloud = DENSITY.sample(20, seed=2, dtype=torch.float64)
    cloud[3, 1] = far
    found = quality(DENSITY, cloud, true)
    assert (found.wasserstein_2, found.energy_distance) == (math.inf, math.inf)
    assert found.weight is None
    # What is far and no more has a distance; so has a density that reaches far itself.
    cloud[3, 1] = 500.0
    assert quality(DENSITY, cloud, true).wasserstein_2 == pytest.approx(
        500 / math.sqrt(20), rel=0.02
    )
    wide = Gaussian([0.0, 0.0], std=1e4)
    clouds = [wide.sample(20, seed=seed, dtype=torch.float64) for seed in (1, 2)]
    assert quality(wide, *clouds).wasserstein_2 < 1e5


def test_a_shift_is_its_own_distance() -> None:
    true = DENSITY.sample(100, seed=0, dtype=torch.float64)
    moved = quality(DENSITY, true + torch.tensor([0.0, 0.5]), true)
    assert moved.wasserstein_2 == pytest.approx(0.5)
    assert quality(DENSITY, true, true).wasserstein_2 == pytest.approx(0.0, abs=1e-6)


def test_the_weight_is_that_of_the_leftmost_part() -> None:
    turned = torch.tensor([[0.1, 0.06], [0.06, 0.3]])
    mixture = GaussianMixture(
        [0.5, 0.2, 0.3],
        [[0.0, 0.0], [-2.0, 0.0], [2.0, 0.0]],
        torch.stack([turned, turned / 2, turned]),
    )
    assert true_weight(mixture) == pytest.approx(0.2)
    # An exact answer, also where the parts overlap: the mean share is the weight.
    x = mixture.sample(40_000, seed=0, dtype=torch.float64)
    assert weight(mixture, x) == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / 40_000))
    left = torch.tensor([[-2.0, 0.0]]).double()
    assert weight(mixture, left) == pytest.approx(1.0, abs=1e-6)
    assert weight(mixture, -left) == pytest.approx(0.0, abs=1e-6)
    close = DoubleGaussian(0.2)
    x = close.sample(40_000, seed=0, dtype=torch.float64)
    assert weight(close, x) == pytest.approx(0.3, abs=0.01)


def test_a_part_is_turned_as_its_covariance_is() -> None:
    """In three dimensions, where the axes of a part are not their own transpose."""
    turned = torch.tensor([[0.1, 0.06, 0.0], [0.06, 0.3, -0.1], [0.0, -0.1, 0.2]])
    far = GaussianMixture(
        [0.2, 0.8], [[-2.0, 0.0, 0.0], [90.0, 0.0, 0.0]], torch.stack([turned, turned])
    )
    assert far.axes is not None
    assert not torch.allclose(far.axes[0], far.axes[0].mT, atol=0.1)
    # Where there is nothing else, every point of the left part is wholly its own.
    x = far.sample(200, seed=0, dtype=torch.float64)
    for one in x[x[:, 0] < 0]:
        assert weight(far, one[None]) == pytest.approx(1.0, abs=1e-6)


def test_no_modes_no_weight() -> None:
    points = DENSITY.sample(30, seed=0)
    for density in (Gaussian([0.0, 0.0], std=1.0), KernelDensity(points, Scott())):
        assert true_weight(density) is None
        assert quality(density, points, points).weight is None
