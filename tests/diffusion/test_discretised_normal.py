"""The levels share a normal distribution among them, whatever its place and width."""

from __future__ import annotations

import math

import pytest
import torch

from snowmelt.diffusion.discretised_normal import log_likelihood


@pytest.mark.parametrize("levels", [2, 3, 16, 256])
@pytest.mark.parametrize("std", [1e-3, 0.05, 1.0, 30.0])
@pytest.mark.parametrize("mean", [-3.0, -0.4, 0.0, 0.999, 5.0])
def test_the_shares_of_all_levels_add_up_to_one(
    levels: int, std: float, mean: float
) -> None:
    x = torch.linspace(-1, 1, levels, dtype=torch.float64)
    log_std = torch.full_like(x, math.log(std), requires_grad=True)
    shares = log_likelihood(x, torch.full_like(x, mean), log_std, levels)
    assert shares.isfinite().all()
    assert float(shares.exp().sum()) == pytest.approx(1.0, rel=1e-9)
    shares.sum().backward()
    assert log_std.grad is not None
    assert log_std.grad.isfinite().all()


def test_a_share_far_out_keeps_its_digits() -> None:
    # P(Z > z) is about the density over z: at 50 deviations no cdf has it in its digits.
    x = torch.tensor([1.0, -1.0], dtype=torch.float64)
    mean = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    half, std = 1 / 255, 0.0399
    found = log_likelihood(x, mean, torch.full_like(x, math.log(std)), 256)
    z = (2 - half) / std
    expected = -0.5 * z**2 - 0.5 * math.log(2 * math.pi) - math.log(z)
    assert found.tolist() == pytest.approx([expected] * 2, rel=1e-6)
