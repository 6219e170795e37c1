"""Schedules given by the rate at which noise is added."""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.schedules.schedule import NoiseSchedule


class Linear(NoiseSchedule):
    r"""Noise is added at a rate that grows linearly in time.

    With the rate $\beta(u) = \beta_0 + u\,(\beta_1 - \beta_0)$, a variance-preserving
    process keeps the share $\bar\alpha = e^{-B}$ of the data's variance, where

    $$B(u) = \beta_0 u + \tfrac12 (\beta_1 - \beta_0) u^2,
      \qquad \lambda = -\log(e^{B} - 1).$$

    The rates are per unit of time, so no number of steps enters: this is the limit of the
    discrete chain whose betas, 1e-4 to 0.02 for 1000 steps, are scaled by 1000 / T. Time
    runs from `start` and not from 0, where the curve would be infinite; one of 1000 steps
    is the first that the discrete chain takes.

    Args:
        beta_start: $\beta_0$, the rate at the data.
        beta_end: $\beta_1$, the rate at the noise.
        start: where in (0, 1) of the curve's own time the data end lies.

    Raises:
        ValueError: a rate is not positive, or `start` lies outside (0, 1).

    References:
        Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 4; the continuous form is
        Song et al. (2021), arXiv:2011.13456, eq. 32.
    """

    def __init__(
        self, beta_start: float = 0.1, beta_end: float = 20.0, start: float = 1e-3
    ) -> None:
        if not (beta_start > 0 and beta_end > 0):
            raise ValueError(
                f"beta_start and beta_end must be positive, got {beta_start}, {beta_end}"
            )
        if not 0 < start < 1:
            raise ValueError(f"start must lie between 0 and 1, got {start}")
        self.beta_start = beta_start
        self.beta_end = beta_end
        self.start = start

    def log_snr(self, t: Tensor) -> Tensor:
        u = self.start + (1 - self.start) * t
        integral = self.beta_start * u + 0.5 * (self.beta_end - self.beta_start) * u**2
        # log(e^B - 1), in a form that does not overflow
        return -integral - torch.log(-torch.expm1(-integral))
