"""The cut normal distribution against fifty digits."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from tests.combinations import close

from snowmelt.densities.intervals import cut

MIDDLES = [0.0, 0.3, 1.0, 1.999, 2.5, 8.0, 40.0, 3e3, 1e6]
WIDTHS = [1e-12, 1e-3, 0.4, 1.9, 2.1, 3.999, 4.1, 30.0, 1e4, 1e9]


def exactly(middle: float, width: float) -> tuple[float, float, float]:
    with mpmath.workdps(60):
        low, high = (mpmath.mpf(middle) + side * mpmath.mpf(width) / 2 for side in (-1, 1))
        # Right of zero, by the complement: digits are not lost in 1 - tiny.
        tail = [mpmath.erfc(end / mpmath.sqrt(2)) / 2 for end in (low, high)]
        mass = tail[0] - tail[1]
        mean = (mpmath.npdf(low) - mpmath.npdf(high)) / mass
        place = (mean - middle) / width
        return float(mpmath.log(mass / width)), float(mean), float(place)


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("middle", MIDDLES)
def test_to_full_precision_wherever_the_interval_lies(middle: float, side: float) -> None:
    widths = torch.tensor(WIDTHS, dtype=torch.float64)
    found = cut(torch.tensor(side * middle, dtype=torch.float64), widths)
    theirs = torch.tensor([exactly(middle, w) for w in WIDTHS], dtype=torch.float64).T
    # A difference to a middle of many digits has those of the middle alone.
    digits = 1e-13 + 4e-16 * middle
    close(found.log_average, theirs[0], rtol=1e-13, atol=1e-13)
    close(found.mean, side * theirs[1], rtol=1e-13, atol=1e-13)
    near = widths > 1e-3
    close(found.place[near], side * theirs[2][near], rtol=1e-10, atol=digits)
    # Where the interval is all but a point, the mean is its middle.
    assert (found.place[~near].abs() <= 0.5).all()


def test_a_point_is_an_interval() -> None:
    middle = torch.tensor([-3.0, 0.0, 2.0], dtype=torch.float64)
    log_average, mean, place = cut(middle, torch.zeros(3, dtype=torch.float64))
    close(log_average, -0.5 * middle**2 - 0.5 * math.log(2 * math.pi))
    close(mean, middle)
    close(place, torch.zeros_like(place), atol=1e-15)


def test_the_place_stays_inside_where_digits_run_out() -> None:
    middle, width = torch.meshgrid(
        10.0 ** torch.arange(6, 13, dtype=torch.float64),
        10.0 ** torch.arange(-12, 3, dtype=torch.float64),
        indexing="ij",
    )
    found = cut(middle, width)
    assert all(part.isfinite().all() for part in found)
    assert (found.place.abs() <= 0.5).all()


def test_gradients_are_finite_and_those_of_the_formula() -> None:
    # d log_average / d middle = -E[z].
    middle = torch.linspace(-60, 60, 241, dtype=torch.float64, requires_grad=True)
    for width in (1e-9, 0.1, 3.0, 50.0, 1e6):
        found = cut(middle, torch.tensor(width, dtype=torch.float64))
        (slope,) = torch.autograd.grad(found.log_average.sum(), middle)
        close(slope, -found.mean.detach(), rtol=1e-9, atol=1e-9)
