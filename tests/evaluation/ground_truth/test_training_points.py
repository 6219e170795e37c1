"""What points say of the score without a network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from snowmelt.densities import Gaussian, KernelDensity
from snowmelt.evaluation.ground_truth import training_points
from snowmelt.evaluation.ground_truth.training_points import TrainingPoints

TRUE = Gaussian([0.4, -0.2], std=0.8)


def scales(log_snr: float, count: int) -> tuple[Tensor, Tensor]:
    level = torch.full((count,), log_snr, dtype=torch.float64)
    return torch.sigmoid(level).sqrt(), torch.sigmoid(-level).sqrt()


@pytest.mark.parametrize("log_snr", [-8.0, 0.0, 6.0])
@pytest.mark.parametrize("shape", [(2,), (1, 2, 3)])
def test_it_is_the_kernel_density_without_width(
    log_snr: float, shape: tuple[int, ...]
) -> None:
    points = torch.randn(70, *shape, generator=torch.Generator().manual_seed(0))
    x_t = torch.randn(30, *shape, generator=torch.Generator().manual_seed(1)).double()
    alpha, sigma = scales(log_snr, 30)
    found = TrainingPoints(points).eps(x_t, alpha, sigma)
    ones = [-1, *[1] * len(shape)]
    given = alpha.reshape(ones), sigma.reshape(ones)
    _, expected = KernelDensity(points, 1e-7).estimates(x_t, *given)
    assert found.shape == x_t.shape
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_every_row_has_its_own_noise_level() -> None:
    points, x_t = TRUE.sample(50, seed=0), TRUE.sample(6, seed=1)
    pairs = zip(scales(0.0, 3), scales(4.0, 3), strict=True)
    alpha, sigma = (torch.cat(part) for part in pairs)
    whole = TrainingPoints(points).eps(x_t, alpha, sigma)
    for row in range(6):
        one = slice(row, row + 1)
        alone = TrainingPoints(points).eps(x_t[one], alpha[one], sigma[one])
        assert torch.allclose(alone, whole[one], atol=1e-12)


def test_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    known, x_t = TrainingPoints(TRUE.sample(50, seed=0)), TRUE.sample(20, seed=1)
    whole = known.eps(x_t, *scales(1.0, 20))
    monkeypatch.setattr(training_points, "_SHARES_AT_ONCE", 120)
    assert torch.allclose(known.eps(x_t, *scales(1.0, 20)), whole, atol=1e-12)


def test_at_high_noise_it_is_off_by_the_chance_of_the_points_alone() -> None:
    log_snr, size, count = -9.0, 2, 200
    alpha, sigma = scales(log_snr, 1)
    x_t = torch.zeros(1, size, dtype=torch.float64)
    _, true = TRUE.estimates(x_t, alpha[:, None], sigma[:, None])
    errors = []
    for points in (25, 100):
        found = [
            TrainingPoints(TRUE.sample(points, seed=seed)).eps(x_t, alpha, sigma)
            for seed in range(count)
        ]
        errors.append(float((torch.cat(found) - true).square().mean()))
        # The mean of N draws has the variance of one over N, by dimension.
        expected = float((alpha / sigma) ** 2) * 0.8**2 / points
        assert errors[-1] == pytest.approx(expected, rel=0.25)
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.3)


def test_at_low_noise_it_leads_back_to_the_nearest_point() -> None:
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    alpha, sigma = scales(12.0, 1)
    x_t = torch.tensor([[0.9, 0.1]], dtype=torch.float64)
    found = TrainingPoints(points).eps(x_t, alpha, sigma)
    assert torch.allclose(found, (x_t - alpha * points[1]) / sigma, rtol=1e-12)


@pytest.mark.parametrize("shape", [(0, 2), (5,)])
def test_points_that_are_none(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"points must be \(N, D\), got the shape"):
        TrainingPoints(torch.zeros(shape))


def test_its_length_is_the_number_of_points() -> None:
    assert len(TrainingPoints(torch.zeros(7, 3))) == 7
