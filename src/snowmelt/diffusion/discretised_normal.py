r"""The discretised Gaussian log-likelihood of pixels.

The last reverse step gives a normal distribution, while a pixel has one of L levels at
$2k/(L-1) - 1$. The line is cut half-way between neighbouring levels, the two tails belong
to the first and the last level, and each level gets the probability of its interval. The
hybrid loss and the variational bound both use it as the term of the step to the data.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, eq. 13.
"""

from __future__ import annotations

import torch
from torch import Tensor

_BEYOND = 1e8
"""In standard deviations: no value lies further out."""


def log_likelihood(x: Tensor, mean: Tensor, log_std: Tensor, levels: int) -> Tensor:
    r"""$\log P$ of the interval around each level under a normal distribution.

    The probability is taken as a logarithm from the start, and in the tail that keeps its
    digits, so it has a value and a gradient where the probability itself would be zero.

    Args:
        x: the levels, as numbers in [-1, 1].

    Shapes:
        x, mean, log_std: (*), or what broadcasts to it -> (*) float64
    """
    half = 1.0 / (levels - 1)
    x, mean = x.to(torch.float64), mean.to(torch.float64)
    precision = torch.exp(-log_std.to(torch.float64))
    low = torch.where(x <= half - 1.0, -_BEYOND, (x - half - mean) * precision)
    high = torch.where(x >= 1.0 - half, _BEYOND, (x + half - mean) * precision)
    # In the lower tail the logarithm of the normal's integral keeps its digits.
    is_upper = low + high > 0
    low, high = torch.where(is_upper, -high, low), torch.where(is_upper, -low, high)
    below, upto = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return upto + torch.log(-torch.expm1(below - upto))
