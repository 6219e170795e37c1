"""Entropy in the data's own unit, and the negative log-likelihood of single examples."""

from __future__ import annotations

import math

import pytest
import torch

from snowmelt.densities import DoubleGaussian, Gaussian, GridDensity
from snowmelt.evaluation.ground_truth.entropy import entropy, negative_log_likelihood


def test_it_is_in_the_unit_of_the_data() -> None:
    raw, scale = Gaussian([1.0, 2.0, 0.5], std=[0.5, 1.5, 2.0]), 1.7
    y = raw.sample(40, seed=0, dtype=torch.float64)
    mean = torch.tensor([1.1, 1.9, 0.4], dtype=torch.float64)
    found = negative_log_likelihood(
        raw.standardised(mean, scale), (y - mean) / scale, scale
    )
    assert torch.allclose(found, -raw.log_prob(y), atol=1e-12)
    assert found.dtype == torch.float64


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_entropy_of_a_normal_density(scale: float) -> None:
    raw = Gaussian([0.0, 1.0], std=[0.5, 2.0])
    found = entropy(raw.standardised(0.0, scale), scale, draws=20_000, seed=0)
    value, error = found.value, found.spread
    assert value == pytest.approx(raw.entropy(), abs=4 * error)
    # -log q is half a chi-square of D degrees of freedom, of variance D / 2.
    assert error == pytest.approx(1.0 / math.sqrt(20_000), rel=0.05)


def test_modes_far_apart_add_what_it_takes_to_tell_them() -> None:
    found = entropy(DoubleGaussian(distance=9.0), 1.0, draws=20_000, seed=1)
    value, error = found.value, found.spread
    heap = math.log(2 * math.pi * math.e * 0.2**2)
    which = -0.3 * math.log(0.3) - 0.7 * math.log(0.7)
    assert value == pytest.approx(heap + which, abs=4 * error)


def test_off_the_support_nothing_is_possible() -> None:
    board = GridDensity([[1.0, 0.0], [0.0, 1.0]])
    x = torch.tensor([[-0.5, -0.5], [-0.5, 0.5], [3.0, 3.0]])
    assert negative_log_likelihood(board, x, 1.0).tolist() == [
        math.log(2.0),
        math.inf,
        math.inf,
    ]


def test_the_seed_decides() -> None:
    of = {
        seed: entropy(DoubleGaussian(), 1.0, draws=50, seed=seed).value for seed in (0, 1)
    }
    assert of[0] == entropy(DoubleGaussian(), 1.0, draws=50, seed=0).value
    assert of[0] != of[1]
