r"""Schedules given by the noise level $\sigma/\alpha = e^{-\lambda/2}$.

Below, a `sigma` is that ratio: the standard deviation of the noise once the signal is
scaled back to 1. It is the sigma of a variance-exploding process; in any other process the
same curve holds for the ratio, so that every schedule serves every process.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_positive, check_rising
from snowmelt.common.bounds import LogSNR, Positive
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.schedules.arguments import check_log_snr_ends


class Geometric(NoiseSchedule):
    r"""The noise level grows exponentially in time: log-SNR is a straight line.

    $$\sigma(t) = \sigma_0 \left(\frac{\sigma_1}{\sigma_0}\right)^{t}, \qquad
      \lambda(t) = -2\,[(1 - t)\log\sigma_0 + t\log\sigma_1].$$

    Args:
        sigma_min: $\sigma_0$, at the data; small against the data's own spread.
        sigma_max: $\sigma_1$, at the noise; large against the data's diameter.

    Raises:
        ValueError: a level is not positive, or the two are not in increasing order.

    References:
        Song et al. (2021), arXiv:2011.13456, eq. 30 (variance exploding).
    """

    def __init__(self, sigma_min: Positive = 0.01, sigma_max: Positive = 50.0) -> None:
        check_positive(sigma_min=sigma_min)
        check_rising(sigma_min=sigma_min, sigma_max=sigma_max)
        self.log_snr_max = -2 * math.log(sigma_min)
        self.log_snr_min = -2 * math.log(sigma_max)
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        return (1 - t) * self.log_snr_max + t * self.log_snr_min

    def slope(self, t: Tensor) -> Tensor:
        return torch.full_like(t, self.log_snr_min - self.log_snr_max)

    def time(self, log_snr: Tensor) -> Tensor:
        fallen = self.log_snr_max - log_snr.to(torch.float64)
        return (fallen / (self.log_snr_max - self.log_snr_min)).clamp(0, 1)


class Karras(NoiseSchedule):
    r"""A root of the noise level grows linearly, so that small levels get more of the time.

    $$\sigma(t) = \Big(\sigma_0^{1/\rho} +
      t\,\big(\sigma_1^{1/\rho} - \sigma_0^{1/\rho}\big)\Big)^{\rho},
      \qquad \lambda(t) = -2 \log\sigma(t).$$

    The paper steps through these levels when it samples, from $i = 0$ at the noise; here
    $t = 1 - i/(N - 1)$. With $\rho = 1$ the level is linear, and as $\rho$ grows the curve
    nears `Geometric`.

    Args:
        sigma_min: $\sigma_0$, at the data.
        sigma_max: $\sigma_1$, at the noise.
        rho: the root; 7 is the paper's choice, 3 makes the errors of its steps about equal.

    Raises:
        ValueError: a level or `rho` is not positive, the levels are not in increasing
            order, or the three together leave float32 no digits.

    References:
        Karras, Aittala, Aila & Laine (2022), arXiv:2206.00364, eq. 5 and table 1.
    """

    def __init__(
        self, sigma_min: Positive = 0.002, sigma_max: Positive = 80.0, rho: Positive = 7.0
    ) -> None:
        check_positive(sigma_min=sigma_min, rho=rho)
        check_rising(sigma_min=sigma_min, sigma_max=sigma_max)
        self.log_snr_min = -2 * math.log(sigma_max)
        self.rho = rho
        # The root of the first level in units of the last one's: it cannot overflow.
        self.first_root = (sigma_min / sigma_max) ** (1 / rho)
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        return self.log_snr_min - 2 * self.rho * torch.log(self._root(t))

    def slope(self, t: Tensor) -> Tensor:
        return -2 * self.rho * (1 - self.first_root) / self._root(t)

    def time(self, log_snr: Tensor) -> Tensor:
        log_root = (self.log_snr_min - log_snr.to(torch.float64)) / (2 * self.rho)
        return ((log_root.exp() - self.first_root) / (1 - self.first_root)).clamp(0, 1)

    def _root(self, t: Tensor) -> Tensor:
        return (1 - t) * self.first_root + t


class RandomWalk(NoiseSchedule):
    r"""The variance of the noise grows linearly: pure Brownian motion, $dx = dW$.

    $$\sigma(t)^2 = v_0 + t\,(v_1 - v_0), \qquad \lambda(t) = -\log\sigma(t)^2.$$

    In a variance-exploding process this is the walk $x_\tau = x_0 + W_\tau$ of unit
    diffusion, watched from the time $\tau = v_0$ to $\tau = v_1$. Half of its log-SNR is
    spent before $t = \sqrt{v_0 / v_1}$, here the first 2e-4 of the time, so a grid of
    sampling times that is uniform in log-SNR serves it better than one uniform in t.

    Args:
        variance_start: $v_0$, at the data; small against the data's own variance.
        variance_end: $v_1$, at the noise; large against it.

    Raises:
        ValueError: a variance is not positive, or the two are not in increasing order.

    References:
        Song et al. (2021), arXiv:2011.13456, eq. 9, with a linear variance.
    """

    def __init__(
        self, variance_start: Positive = 1e-4, variance_end: Positive = 2500.0
    ) -> None:
        check_positive(variance_start=variance_start)
        check_rising(variance_start=variance_start, variance_end=variance_end)
        self.variance_start = variance_start
        self.variance_end = variance_end
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        return -torch.log(self._variance(t))

    def slope(self, t: Tensor) -> Tensor:
        return -(self.variance_end - self.variance_start) / self._variance(t)

    def time(self, log_snr: Tensor) -> Tensor:
        walked = torch.exp(-log_snr.to(torch.float64)) - self.variance_start
        return (walked / (self.variance_end - self.variance_start)).clamp(0, 1)

    def _variance(self, t: Tensor) -> Tensor:
        return (1 - t) * self.variance_start + t * self.variance_end


class Laplace(NoiseSchedule):
    r"""Times drawn uniformly have log-SNRs of a Laplace distribution.

    Training then spends most of its time around one noise level, at which the content of
    an image emerges. The curve is the distribution's quantile function,

    $$\lambda = \mu - b\,\mathrm{sgn}(\tfrac12 - u)\,\log(1 - 2\,|u - \tfrac12|),$$

    infinite at $u = 0$ and $u = 1$. So $u$ runs linearly in $t$ between the two places
    where $\lambda$ is `log_snr_max` and `log_snr_min`: the distribution is cut at its far
    tails. Near both ends the curve is steep, and steps uniform in t are large there.

    Args:
        mean: $\mu$, where most of the time is spent.
        scale: $b$, the spread around it; 0.5 is the paper's best on 256x256 images.
        log_snr_max: the log-SNR at the data.
        log_snr_min: the log-SNR at the noise.

    Raises:
        ValueError: `scale` is not positive, the two ends are not in decreasing order, or
            they lie so far out that float32 cannot hold the tails.

    References:
        Hang, Gu, Geng & Guo (2024), arXiv:2407.03297, section 2.
    """

    def __init__(
        self,
        mean: LogSNR = 0.0,
        scale: Positive = 0.5,
        log_snr_max: LogSNR = 10.0,
        log_snr_min: LogSNR = -10.0,
    ) -> None:
        check_log_snr_ends(log_snr_max, log_snr_min)
        check_positive(scale=scale)
        if not math.isfinite(mean):
            raise ValueError(f"mean must be finite, got {mean}")
        self.mean = mean
        self.scale = scale
        self.first = (log_snr_max - mean) / scale
        self.last = (log_snr_min - mean) / scale
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        left = 1 - t
        above = left * _tail(self.first) + t * _tail(self.last)  # u
        below = left * _tail(-self.first) + t * _tail(-self.last)  # 1 - u
        is_early = above < below
        # Both tails add up positive terms, so neither loses its digits at its own end.
        nearer = torch.log(2 * torch.where(is_early, above, below))
        return self.mean + self.scale * torch.where(is_early, -nearer, nearer)


def _tail(deviation: float) -> float:
    """The probability that a standard Laplace variable lies above a value."""
    half = 0.5 * math.exp(-abs(deviation))
    return half if deviation > 0 else 1 - half


class RectifiedFlow(NoiseSchedule):
    r"""The share of the noise grows linearly: time on a straight line from data to start.

    $$\frac{\sigma}{\alpha} = \frac{u}{1 - u}, \qquad \lambda(t) = 2\log\frac{1 - u}{u},
      \qquad u = (1 - t)\,S(-\tfrac12\lambda_0) + t\,S(-\tfrac12\lambda_1),$$

    with the logistic function $S$. In the process of the same name $\sigma$ is $u$ itself.
    The log-SNR would be infinite at $u = 0$ and $u = 1$; so $u$ starts and ends a little
    inside, by 0.001 at the default.

    Args:
        log_snr_max: $\lambda_0$, the log-SNR at the data.
        log_snr_min: $\lambda_1$, the log-SNR at the noise.

    Raises:
        ValueError: the two ends are not in decreasing order, or so far out that float32
            cannot tell them from 0 and 1.

    References:
        Liu, Gong & Liu (2023), arXiv:2209.03003; Esser et al. (2024), arXiv:2403.03206,
        section 2.
    """

    def __init__(self, log_snr_max: LogSNR = 14.0, log_snr_min: LogSNR = -14.0) -> None:
        check_log_snr_ends(log_snr_max, log_snr_min)
        self.noise = _logistic(-0.5 * log_snr_max), _logistic(-0.5 * log_snr_min)
        self.signal = _logistic(0.5 * log_snr_max), _logistic(0.5 * log_snr_min)
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        # Both shares add up positive terms, so neither loses its digits at its own end.
        return 2 * (
            torch.log(self._line(self.signal, t)) - torch.log(self._line(self.noise, t))
        )

    def slope(self, t: Tensor) -> Tensor:
        signal, noise = self._line(self.signal, t), self._line(self.noise, t)
        return -2 * (self.noise[1] - self.noise[0]) / (signal * noise)

    def time(self, log_snr: Tensor) -> Tensor:
        share = torch.sigmoid(-0.5 * log_snr.to(torch.float64))
        return ((share - self.noise[0]) / (self.noise[1] - self.noise[0])).clamp(0, 1)

    def _line(self, ends: tuple[float, float], t: Tensor) -> Tensor:
        return (1 - t) * ends[0] + t * ends[1]


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))
