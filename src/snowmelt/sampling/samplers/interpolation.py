r"""The polynomial through remembered estimates, and its integral over a step.

A rule that looks back knows estimates $m_j$ of one quantity at several places $u_j$ of its
clock, on which the step itself goes from 0 to 1. It takes the polynomial through them for
the quantity, and needs its mean under an exponential weight of rate $r$,

$$\int_0^1 e^{-r(1 - u)}\,\sum_j L_j(u)\,m_j\;du = \sum_j w_j\,m_j,$$

with Lagrange's polynomials $L_j$. Since the rule is exact for the powers of $u$, the
weights solve $\sum_j w_j u_j^k = \psi_k(r)$ with the moments
$\psi_k(r) = \int_0^1 e^{-r(1 - u)} u^k du$. Rate zero and equal distances give the weights
of Adams, Bashforth and Moulton.

References:
    Hochbruck & Ostermann (2010), "Exponential integrators", Acta Numerica 19, section 2.5.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_SMALL = 1.0  # below, the recursion of the moments would cancel
_TERMS = 24  # of the series; the last is 1e-25 of the first


def weights(places: list[float], rate: float) -> list[float]:
    """The weight of the estimate at each place.

    Args:
        places: finite, no two the same; 0 is where the step begins, 1 where it ends.
        rate: of the exponential, finite.
    """
    at = torch.tensor(places, dtype=torch.float64)
    powers = torch.stack([at**k for k in range(len(places))])
    wanted = torch.tensor(moments(rate, len(places)), dtype=torch.float64)
    found: list[float] = torch.linalg.solve(powers, wanted).tolist()
    return found


def combined(given: list[float], estimates: list[Tensor]) -> Tensor:
    """The sum of the estimates with these weights. Shapes: (*D) each -> (*D)"""
    total = given[0] * estimates[0]
    for weight, estimate in zip(given[1:], estimates[1:], strict=True):
        total = total + weight * estimate
    return total


def moments(rate: float, count: int) -> list[float]:
    r"""The moments $\psi_0 \dots \psi_{count - 1}$."""
    if abs(rate) < _SMALL:
        return [_series(rate, power) for power in range(count)]
    found = [-math.expm1(-rate) / rate]
    for power in range(1, count):
        found.append((1.0 - power * found[-1]) / rate)
    return found


def _series(rate: float, power: int) -> float:
    r"""$\sum_n (-r)^n\,k!/(n + k + 1)!$, by terms."""
    term, total = 1.0 / (power + 1), 0.0
    for n in range(_TERMS):
        total += term
        term *= -rate / (n + power + 2)
    return total
