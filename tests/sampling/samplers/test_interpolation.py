"""Weights of rules that look back: Adams's, and integrals of polynomials by quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from snowmelt.sampling.samplers.interpolation import combined, moments, weights

NODES, SHARES = np.polynomial.legendre.leggauss(60)


def integral(rate: float, power: int) -> float:
    """That of exp(-rate (1 - u)) u^power over [0, 1], by Gauss and Legendre."""
    u = 0.5 * (NODES + 1)
    return float(0.5 * (SHARES * np.exp(-rate * (1 - u)) * u**power).sum())


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([0.0], [1.0]),
        ([0.0, -1.0], [3 / 2, -1 / 2]),
        ([0.0, -1.0, -2.0], [23 / 12, -16 / 12, 5 / 12]),
        ([0.0, -1.0, -2.0, -3.0], [55 / 24, -59 / 24, 37 / 24, -9 / 24]),
        ([0.0, 1.0], [1 / 2, 1 / 2]),
        ([0.0, -1.0, 1.0], [8 / 12, -1 / 12, 5 / 12]),
    ],
)
def test_equal_steps_without_an_exponential_are_adamss(
    places: list[float], expected: list[float]
) -> None:
    assert weights(places, 0.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    "rate", [-12.0, -1.0, -0.999, -1e-3, 0.0, 1e-9, 0.4, 0.999, 1.0, 1.001, 7.0, 30.0]
)
def test_moments(rate: float) -> None:
    expected = [integral(rate, power) for power in range(4)]
    assert moments(rate, 4) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("rate", [-3.0, -0.01, 0.5, 5.0])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_polynomial_is_integrated_exactly(rate: float, count: int) -> None:
    places = [0.0, -0.7, 1.0, -2.9][:count]
    found = weights(places, rate)
    for power in range(count):
        total = sum(w * place**power for w, place in zip(found, places, strict=True))
        assert total == pytest.approx(integral(rate, power), rel=1e-9)


def test_estimates_are_added_up() -> None:
    parts = [torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.0]), torch.tensor([1.0, 1.0])]
    found = combined([2.0, -4.0, math.pi], parts)
    torch.testing.assert_close(found, torch.tensor([math.pi, 4.0 + math.pi]))
