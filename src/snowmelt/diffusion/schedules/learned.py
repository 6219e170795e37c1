r"""A schedule that is trained with the network.

The continuous-time variational bound depends on a schedule through its two ends alone; in
between, the curve only says how noisy the estimate of the bound is. So the ends are fixed
here, and the curve between them can be learned, most simply by making the loss vary less.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from snowmelt.common.argument_checks import check_count
from snowmelt.common.bounds import LogSNR, Width
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.schedules.arguments import check_log_snr_ends

_FIRST_STEEPNESS = 8.0


class Learned(NoiseSchedule, nn.Module):
    r"""A monotone network between two fixed ends.

    $$\lambda(t) = \lambda_0 - (\lambda_0 - \lambda_1)\,
        \frac{g(t) - g(0)}{g(1) - g(0)}, \qquad
      g(t) = t + \frac1n \sum_{j=1}^{n} h_j\,S\big(w_j\,(t - c_j)\big),$$

    with $S$ the logistic function. Heights $h_j$ and steepnesses $w_j$ are positive, each
    the softplus of a parameter, and the first term has the fixed weight 1, so that the
    curve is strictly decreasing whatever the parameters are. It starts almost straight,
    with centres $c_j$ evenly over [0, 1]: nothing is drawn, and every seed starts the same.

    Args:
        log_snr_max: $\lambda_0$, at the data.
        log_snr_min: $\lambda_1$, at the noise.
        units: n, the number of steps that the curve is made of.

    Raises:
        ValueError: the two ends are not in decreasing order, or `units` is no count.

    References:
        Kingma, Salimans, Poole & Ho (2021), arXiv:2107.00630, appendix H. There a linear
        layer with a weight of its own precedes the sum; the division by g(1) - g(0) makes
        that weight, like every other common factor, redundant. There the weights are drawn.
    """

    def __init__(
        self, log_snr_max: LogSNR = 10.0, log_snr_min: LogSNR = -10.0, units: Width = 1024
    ) -> None:
        super().__init__()
        check_log_snr_ends(log_snr_max, log_snr_min)
        check_count(units=units)
        self.log_snr_max = log_snr_max
        self.log_snr_min = log_snr_min
        self.raw_height = nn.Parameter(torch.full((units,), _before_softplus(1.0)))
        self.raw_steepness = nn.Parameter(
            torch.full((units,), _before_softplus(_FIRST_STEEPNESS))
        )
        self.centre = nn.Parameter((torch.arange(units) + 0.5) / units)
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        start, end = self._network(t.new_zeros(())), self._network(t.new_ones(()))
        passed = (self._network(t) - start) / (end - start)
        return (1 - passed) * self.log_snr_max + passed * self.log_snr_min

    def slope(self, t: Tensor) -> Tensor:
        r"""$-(\lambda_0 - \lambda_1)\,g'(t) / (g(1) - g(0))$, with
        $g' = 1 + \tfrac1n \sum_j h_j w_j\,S'(w_j (t - c_j))$. Shapes: t: (*) -> (*)
        """
        height, steepness, centre = self._weights(t)
        risen = torch.sigmoid(steepness * (t[..., None] - centre))
        rise = 1 + (height * steepness * risen * (1 - risen)).mean(-1)
        whole = self._network(t.new_ones(())) - self._network(t.new_zeros(()))
        return (self.log_snr_min - self.log_snr_max) * rise / whole

    def _network(self, t: Tensor) -> Tensor:
        height, steepness, centre = self._weights(t)
        return t + (height * torch.sigmoid(steepness * (t[..., None] - centre))).mean(-1)

    def _weights(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Heights, steepnesses and centres, where the time is and in its precision."""
        height, steepness = softplus(self.raw_height), softplus(self.raw_steepness)
        # A process asks for its prior, and a sampler for its grid, without a device.
        return height.to(like), steepness.to(like), self.centre.to(like)


def _before_softplus(value: float) -> float:
    return math.log(math.expm1(value))
