r"""Schedules given by $\beta$, the rate at which noise is added.

A variance-preserving process $dx = -\tfrac12\beta x\,du + \sqrt{\beta}\,dW$ with the rate
$\beta(u)$ keeps the fraction $\bar\alpha = e^{-B}$ of the data's variance, where

$$B(u) = \int_0^u \beta(v)\,dv, \qquad \lambda = -\log(e^{B} - 1), \qquad
  \frac{d\lambda}{du} = -\frac{\beta}{1 - e^{-B}}.$$

Rates are per unit of time, so no number of steps enters: such a curve is the limit of the
discrete chain whose betas are $\beta(i/T)/T$ (`chain.py` has the chains themselves). At
$u = 0$ nothing is noise yet and $\lambda$ is infinite, so time runs from `start` on:
$u = s + t\,(1 - s)$.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 4;
    Song et al. (2021), arXiv:2011.13456, eqs. 29, 32 and 33.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_between_0_and_1, check_positive
from snowmelt.common.bounds import Fraction, Positive
from snowmelt.diffusion.noise_schedule import NoiseSchedule


class BetaSchedule(NoiseSchedule):
    r"""A schedule with a known $\beta(u)$ and its integral $B(u)$.

    Args:
        start: where in (0, 1) of the curve's own time the data end lies. 1e-3 is where the
            first of 1000 discrete steps ends.

    Raises:
        ValueError: `start` lies outside (0, 1).
    """

    def __init__(self, start: float) -> None:
        check_between_0_and_1(start=start)
        self.start = start
        self.check_curve()

    @abstractmethod
    def beta(self, u: Tensor) -> Tensor:
        r"""$\beta(u)$, per unit of the curve's own time. Shapes: u: (*) -> (*)"""

    @abstractmethod
    def integral(self, u: Tensor) -> Tensor:
        r"""$B(u)$, from 0 to u. Shapes: u: (*) -> (*)"""

    def log_snr(self, t: Tensor) -> Tensor:
        integral = self.integral(self._own_time(t))
        # log(e^B - 1), in a form that does not overflow
        return -integral - torch.log(-torch.expm1(-integral))

    def slope(self, t: Tensor) -> Tensor:
        r"""$d\lambda/dt = -(1 - s)\,\beta / (1 - e^{-B})$. Shapes: t: (*) -> (*)"""
        u = self._own_time(t)
        return (1 - self.start) * self.beta(u) / torch.expm1(-self.integral(u))

    def _own_time(self, t: Tensor) -> Tensor:
        return self.start + (1 - self.start) * t


class _TwoBetas(BetaSchedule):
    """A beta that goes from one value at the data to another at the noise."""

    def __init__(
        self, beta_start: Positive = 0.1, beta_end: Positive = 20.0, start: Fraction = 1e-3
    ) -> None:
        check_positive(beta_start=beta_start, beta_end=beta_end)
        self.beta_start = beta_start
        self.beta_end = beta_end
        super().__init__(start)


class Linear(_TwoBetas):
    r"""Noise is added at a rate that grows linearly in time.

    $$\beta(u) = \beta_0 + u\,(\beta_1 - \beta_0), \qquad
      B(u) = \beta_0 u + \tfrac12 (\beta_1 - \beta_0) u^2.$$

    The limit of the discrete chain whose betas, 1e-4 to 0.02 for 1000 steps, are scaled by
    1000 / T.

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

    def beta(self, u: Tensor) -> Tensor:
        return (1 - u) * self.beta_start + u * self.beta_end

    def integral(self, u: Tensor) -> Tensor:
        return u * ((1 - 0.5 * u) * self.beta_start + 0.5 * u * self.beta_end)


class Quadratic(_TwoBetas):
    r"""Noise is added at a rate whose root grows linearly in time.

    With $r_i = \sqrt{\beta_i}$ and $r(u) = r_0 + u\,(r_1 - r_0)$,

    $$\beta(u) = r(u)^2, \qquad B(u) = \tfrac{u}{3}\,(r_0^2 + r_0\,r(u) + r(u)^2).$$

    Some libraries call this curve "quad", others "scaled_linear": the family is the same,
    and the name goes with the ends, 0.1 and 20 (the linear schedule's) or 0.85 and 12
    (latent diffusion's 0.00085 to 0.012 for 1000 steps).

    Args:
        beta_start: $\beta_0$, the rate at the data.
        beta_end: $\beta_1$, the rate at the noise.
        start: where in (0, 1) of the curve's own time the data end lies.

    Raises:
        ValueError: a rate is not positive, or `start` lies outside (0, 1).

    References:
        The code of Ho, Jain & Abbeel (2020), arXiv:2006.11239, has it as "quad"; that of
        Rombach et al. (2022), arXiv:2112.10752, with the second pair of ends.
    """

    def beta(self, u: Tensor) -> Tensor:
        return self._root(u) ** 2

    def integral(self, u: Tensor) -> Tensor:
        first, last = math.sqrt(self.beta_start), self._root(u)
        return u * (self.beta_start + first * last + last**2) / 3

    def _root(self, u: Tensor) -> Tensor:
        return (1 - u) * math.sqrt(self.beta_start) + u * math.sqrt(self.beta_end)


class BetaSigmoid(_TwoBetas):
    r"""Noise is added at a rate that rises along a logistic curve.

    With $S$ the logistic function and the steepness fixed at $k = 12$,

    $$\beta(u) = \beta_0 + (\beta_1 - \beta_0)\,S(k\,(u - \tfrac12)), \qquad
      B(u) = \beta_0 u + \frac{\beta_1 - \beta_0}{k}
             \log\!\big(1 + S(-\tfrac{k}{2})\,(e^{k u} - 1)\big).$$

    This is the "sigmoid" of diffusers, which acts on beta. The schedule of Jabri et al.
    acts on alpha_bar and is another curve: `alpha_bars.Sigmoid`.

    Args:
        beta_start: $\beta_0$, the rate long before the middle.
        beta_end: $\beta_1$, the rate long after the middle.
        start: where in (0, 1) of the curve's own time the data end lies.

    Raises:
        ValueError: a rate is not positive, or `start` lies outside (0, 1).

    References:
        Xu et al. (2022), GeoDiff, arXiv:2203.02923, whose betas these are.
    """

    STEEPNESS = 12.0

    def beta(self, u: Tensor) -> Tensor:
        risen = torch.sigmoid(self.STEEPNESS * (u - 0.5))
        return (1 - risen) * self.beta_start + risen * self.beta_end

    def integral(self, u: Tensor) -> Tensor:
        # log1p and expm1: the difference of two softplus would lose its digits at the data
        first = 1 / (1 + math.exp(0.5 * self.STEEPNESS))
        risen = torch.log1p(first * torch.expm1(self.STEEPNESS * u)) / self.STEEPNESS
        return self.beta_start * (u - risen) + self.beta_end * risen


class Exponential(BetaSchedule):
    r"""Noise is added at a constant rate, so alpha_bar decays exponentially.

    $$\beta(u) = r, \qquad B(u) = r u, \qquad \bar\alpha = e^{-r u}.$$

    The first of 1000 steps at rate 12 already adds noise of scale 0.11, so that this curve
    wants an earlier `start` than the others.

    Args:
        rate: $r$; 12 is that of the "exp" transform of diffusers.
        start: where in (0, 1) of the curve's own time the data end lies.

    Raises:
        ValueError: `rate` is not positive, or `start` lies outside (0, 1).

    References:
        Song et al. (2021), arXiv:2011.13456, eq. 11, with a constant rate: the
        Ornstein-Uhlenbeck process.
    """

    def __init__(self, rate: Positive = 12.0, start: Fraction = 1e-4) -> None:
        check_positive(rate=rate)
        self.constant = rate
        super().__init__(start)

    def beta(self, u: Tensor) -> Tensor:
        return torch.full_like(u, self.constant)

    def integral(self, u: Tensor) -> Tensor:
        return self.constant * u
