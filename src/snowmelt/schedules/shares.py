"""Schedules given by the share of the data's variance that is left."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.schedules.schedule import NoiseSchedule


class Cosine(NoiseSchedule):
    r"""Signal turns into noise at a constant angular speed.

    The scales of a variance-preserving process are the sides of a right triangle,
    $\alpha = \cos\theta$ and $\sigma = \sin\theta$. Letting the angle grow linearly between
    two ends gives

    $$\lambda(t) = -2 \log\tan\theta(t), \qquad
      \theta(t) = \theta_0 + t\,(\theta_1 - \theta_0), \qquad
      \theta_i = \arctan e^{-\lambda_i / 2}.$$

    Both angles stay inside $(0, \pi/2)$: at the right angle no signal is left, and an `eps`
    network would divide by zero to find it.

    Args:
        log_snr_max: $\lambda_0$, at the data.
        log_snr_min: $\lambda_1$, at the noise.

    Raises:
        ValueError: the two ends are not in decreasing order.

    References:
        Nichol & Dhariwal (2021), arXiv:2102.09672, eq. 17. There the angle is shifted by
        s = 0.008 and the discrete betas are cut at 0.999; here the ends are chosen instead.
    """

    def __init__(self, log_snr_max: float = 10.0, log_snr_min: float = -10.0) -> None:
        _check_ends(log_snr_max, log_snr_min)
        self.angle_start = math.atan(math.exp(-0.5 * log_snr_max))
        self.angle_end = math.atan(math.exp(-0.5 * log_snr_min))

    def log_snr(self, t: Tensor) -> Tensor:
        angle = self.angle_start + t * (self.angle_end - self.angle_start)
        return -2.0 * torch.log(torch.tan(angle))


class Sigmoid(NoiseSchedule):
    r"""The share of the data's variance falls along a logistic curve.

    With $u(t)$ running linearly from `start` to `end` and $S$ the logistic function, the
    share that is left is

    $$\gamma(t) = \frac{S(e/\tau) - S(u(t)/\tau)}{S(e/\tau) - S(s/\tau)},$$

    which is 1 at $t = 0$ and 0 at $t = 1$. To keep the log-SNR finite, $\bar\alpha$ moves
    along $\gamma$ between the two shares that `log_snr_max` and `log_snr_min` stand for.

    This curve acts on alpha_bar. The "sigmoid" schedule of some libraries acts on beta and
    is another curve.

    Args:
        start: $s$, where on the logistic curve time 0 lies.
        end: $e$, where time 1 lies.
        tau: the temperature; a larger one is closer to a straight line.
        log_snr_max: the log-SNR at the data.
        log_snr_min: the log-SNR at the noise.

    Raises:
        ValueError: `end` is not above `start`, `tau` is not positive, or the two ends of
            the log-SNR are not in decreasing order.

    References:
        Jabri, Fleet & Chen (2023), arXiv:2212.11972, algorithm in appendix B.
    """

    def __init__(
        self,
        start: float = -3.0,
        end: float = 3.0,
        tau: float = 1.0,
        log_snr_max: float = 10.0,
        log_snr_min: float = -10.0,
    ) -> None:
        _check_ends(log_snr_max, log_snr_min)
        if not end > start:
            raise ValueError(f"end must lie above start, got start={start}, end={end}")
        if not tau > 0:
            raise ValueError(f"tau must be positive, got {tau}")
        self.start = start / tau
        self.end = end / tau
        self.log_snr_max = log_snr_max
        self.log_snr_min = log_snr_min

    def log_snr(self, t: Tensor) -> Tensor:
        u = self.start + t * (self.end - self.start)
        # Both shares by one product each: a difference of two logistic values would lose
        # its digits near the end where they meet.
        rise = torch.sinh(0.5 * (u - self.start)) * math.cosh(0.5 * self.end)
        fall = torch.sinh(0.5 * (self.end - u)) * math.cosh(0.5 * self.start)
        total = math.sinh(0.5 * (self.end - self.start)) * torch.cosh(0.5 * u)
        spent, kept = rise / total, fall / total
        signal = kept * _logistic(self.log_snr_max) + spent * _logistic(self.log_snr_min)
        noise = kept * _logistic(-self.log_snr_max) + spent * _logistic(-self.log_snr_min)
        return torch.log(signal) - torch.log(noise)


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _check_ends(log_snr_max: float, log_snr_min: float) -> None:
    if not math.inf > log_snr_max > log_snr_min > -math.inf:
        raise ValueError(
            "log_snr_max must lie above log_snr_min, both finite, got"
            f" log_snr_max={log_snr_max}, log_snr_min={log_snr_min}"
        )
