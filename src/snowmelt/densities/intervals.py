r"""The truncated normal distribution, to full precision wherever its interval lies.

A number $u$, uniform in a cell of width $w$, is scaled by $\alpha$ and gets normal noise of
standard deviation $\sigma$. In units of $\sigma$ and seen from the state $x$, the cell is
$[m - h/2,\ m + h/2]$ with $m = (\alpha c - x)/\sigma$, $c$ its centre and
$h = \alpha w/\sigma$. Both the density of $x$ and the mean of $u$ given $x$ are integrals
over it,

$$q(x) = \frac1{\sigma h}\int_{m-h/2}^{m+h/2}\!\!\varphi(z)\,dz, \qquad
  \mathrm{E}[z \mid x] = \frac{\varphi(m-\frac h2) - \varphi(m+\frac h2)}
                              {\Phi(m+\frac h2) - \Phi(m-\frac h2)}.$$

Taken literally these are differences of almost equal numbers where a cell is small beside
the noise, and 0/0 far from it. So a small cell is integrated by Gauss-Legendre quadrature,
which is exact to rounding there, and a far one by $\mathrm{erfcx}(y) = e^{y^2}
\mathrm{erfc}(y)$, from which the common factor has been taken out.

References:
    Golub & Welsch (1969), "Calculation of Gauss quadrature rules".
    Abramowitz & Stegun (1964), 7.1 (error functions), 26.2 (normal distribution).
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor

_ROOT_2 = math.sqrt(2.0)
_LOG_ROOT_2_PI = 0.5 * math.log(2.0 * math.pi)
_NODES = 10
# Within these the integrand changes by less than e^3, and the quadrature is exact.
_SMALL_WIDTH, _SMALL_TILT = 2.0, 4.0


class Cut(NamedTuple):
    """Moments of a standard normal variable truncated to an interval.

    log_average: the logarithm of the mean of its density over the interval;
    mean: $E[z]$;
    place: $(E[z] - m) / h$, from -1/2 to 1/2, finite also where the interval is a point.
    """

    log_average: Tensor
    mean: Tensor
    place: Tensor


def cut(middle: Tensor, width: Tensor) -> Cut:
    """The moments of a standard normal variable truncated to `middle` +- `width / 2`.

    Shapes:
        middle, width: float64 that broadcast; width >= 0 -> each as they broadcast
    """
    middle, width = torch.broadcast_tensors(middle, width)
    # By symmetry the middle lies at or above zero.
    side = torch.where(middle < 0, -1.0, 1.0).to(middle.dtype)
    above = middle * side
    is_small = (width <= _SMALL_WIDTH) & (above * width <= _SMALL_TILT)
    is_far = (above >= 0.5 * width) & ~is_small
    found = [torch.zeros_like(above)] * 3
    # Each formula is shown only what it is good for; it is not finite elsewhere.
    for rows, formula in (
        (is_small, _by_quadrature),
        (is_far, _far),
        (~(is_small | is_far), _around_zero),
    ):
        values = formula(above[rows], width[rows])
        pairs = zip(found, values, strict=True)
        found = [whole.index_put((rows,), part) for whole, part in pairs]
    log_average, mean, place = found
    return Cut(log_average, side * mean, side * place)


@functools.cache
def _legendre() -> tuple[Tensor, Tensor]:
    """Nodes in (-1/2, 1/2) and weights of sum 1."""
    k = torch.arange(1, _NODES, dtype=torch.float64)
    beside = k / torch.sqrt(4.0 * k**2 - 1.0)
    jacobi = torch.diag(beside, 1) + torch.diag(beside, -1)
    nodes, vectors = torch.linalg.eigh(jacobi)
    return 0.5 * nodes, vectors[0] ** 2


def _by_quadrature(middle: Tensor, width: Tensor) -> Cut:
    nodes, weights = (part.to(middle.device) for part in _legendre())
    away = width[..., None] * nodes
    tilted = weights * torch.exp(-away * (middle[..., None] + 0.5 * away))
    total = tilted.sum(-1)
    place = (tilted * nodes).sum(-1) / total
    log_average = torch.log(total) - 0.5 * middle**2 - _LOG_ROOT_2_PI
    return Cut(log_average, middle + width * place, place)


def _far(middle: Tensor, width: Tensor) -> Cut:
    """Of an interval on one side of zero."""
    low, high = middle - 0.5 * width, middle + 0.5 * width
    tail = torch.special.erfcx(low / _ROOT_2)
    # Both ends relative to phi(low); (high^2 - low^2) / 2 = middle * width.
    falls = -torch.expm1(-middle * width)
    beyond = torch.exp(-middle * width) * torch.special.erfcx(high / _ROOT_2)
    mass = 0.5 * (tail - beyond)
    mean = falls / (math.sqrt(2.0 * math.pi) * mass)
    log_average = torch.log(mass) - 0.5 * low**2 - torch.log(width)
    return Cut(log_average, mean, _place(mean, middle, width))


def _around_zero(middle: Tensor, width: Tensor) -> Cut:
    """Of an interval with zero in it, wide enough for a fair share of the whole."""
    low, high = middle - 0.5 * width, middle + 0.5 * width
    mass = 0.5 * (torch.erf(high / _ROOT_2) - torch.erf(low / _ROOT_2))
    ends = torch.exp(-0.5 * low**2) - torch.exp(-0.5 * high**2)
    mean = ends / (math.sqrt(2.0 * math.pi) * mass)
    return Cut(torch.log(mass) - torch.log(width), mean, _place(mean, middle, width))


def _place(mean: Tensor, middle: Tensor, width: Tensor) -> Tensor:
    # Of a mean far away only the digits before the interval's own may be left.
    return ((mean - middle) / width).clamp(-0.5, 0.5)
