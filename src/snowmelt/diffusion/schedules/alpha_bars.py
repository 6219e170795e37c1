r"""Schedules given by $\bar\alpha$, the fraction of the data's variance that is left.

In a variance-preserving process $\bar\alpha = \alpha^2$ and $1 - \bar\alpha = \sigma^2$, so
$\lambda = \log\bar\alpha - \log(1 - \bar\alpha)$. Both curves here keep $\bar\alpha$ away
from 0 and 1, where the log-SNR would be infinite.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_positive, check_rising
from snowmelt.common.bounds import LogSNR, Positive
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.schedules.arguments import check_log_snr_ends

_LARGEST_LOGIT = 80.0


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
        ValueError: the two ends are not in decreasing order, or beyond +-80.

    References:
        Nichol & Dhariwal (2021), arXiv:2102.09672, eq. 17. There the angle is shifted by
        s = 0.008 and the discrete betas are cut at 0.999 (`chain.CosineBetas`); here the
        ends are chosen instead.
    """

    def __init__(self, log_snr_max: LogSNR = 10.0, log_snr_min: LogSNR = -10.0) -> None:
        check_log_snr_ends(log_snr_max, log_snr_min)
        self.log_snr_max = log_snr_max
        self.log_snr_min = log_snr_min
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        # cos(angle) by the sine of what is left to the right angle: near t = 1 the angle
        # itself has no digits to say how near that is.
        left = 1 - t
        angle = left * _angle(self.log_snr_max) + t * _angle(self.log_snr_min)
        complement = left * _angle(-self.log_snr_max) + t * _angle(-self.log_snr_min)
        return 2.0 * (torch.log(torch.sin(complement)) - torch.log(torch.sin(angle)))


class Sigmoid(NoiseSchedule):
    r"""alpha_bar falls along a logistic curve.

    With $u(t)$ running linearly from `start` to `end` and $S$ the logistic function, the
    curve of the paper is

    $$\gamma(t) = \frac{S(e/\tau) - S(u(t)/\tau)}{S(e/\tau) - S(s/\tau)},$$

    which is 1 at $t = 0$ and 0 at $t = 1$. To keep the log-SNR finite, $\bar\alpha$ moves
    along $\gamma$ between the two values that `log_snr_max` and `log_snr_min` stand for.

    This curve acts on alpha_bar. The "sigmoid" schedule of some libraries acts on beta and
    is another curve: `betas.BetaSigmoid`.

    Args:
        start: $s$, where on the logistic curve time 0 lies.
        end: $e$, where time 1 lies.
        tau: the temperature; a larger one is closer to a straight line.
        log_snr_max: the log-SNR at the data.
        log_snr_min: the log-SNR at the noise.

    Raises:
        ValueError: `end` is not above `start`, `tau` is not positive, the curve is so steep
            that float64 cannot tell its ends from 0 and 1, or the two ends of the log-SNR
            are not in decreasing order.

    References:
        Jabri, Fleet & Chen (2023), arXiv:2212.11972; there alpha_bar is cut near its ends
        instead.
    """

    def __init__(
        self,
        start: LogSNR = -3.0,
        end: LogSNR = 3.0,
        tau: Positive = 1.0,
        log_snr_max: LogSNR = 10.0,
        log_snr_min: LogSNR = -10.0,
    ) -> None:
        check_log_snr_ends(log_snr_max, log_snr_min)
        check_rising(start=start, end=end)
        check_positive(tau=tau)
        if max(abs(start), abs(end)) > _LARGEST_LOGIT * tau:
            raise ValueError(
                f"start / tau and end / tau must lie within +-{_LARGEST_LOGIT:g}, got"
                f" start={start}, end={end}, tau={tau}"
            )
        self.start = start / tau
        self.end = end / tau
        self.log_snr_max = log_snr_max
        self.log_snr_min = log_snr_min
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        # Signal and noise by products, up to a factor that their ratio loses: a difference
        # of two logistic values would lose its digits near the end where they meet.
        left, half = 1 - t, 0.5 * (self.end - self.start)
        kept = torch.sinh(left * half) * math.cosh(0.5 * self.start)
        spent = torch.sinh(t * half) * math.cosh(0.5 * self.end)
        high, low = self.log_snr_max, self.log_snr_min
        signal = kept * _alpha_bar(high) + spent * _alpha_bar(low)
        noise = kept * _alpha_bar(-high) + spent * _alpha_bar(-low)
        return torch.log(signal) - torch.log(noise)


def _angle(log_snr: float) -> float:
    """The angle whose squared cotangent is the signal-to-noise ratio."""
    return math.atan(math.exp(-0.5 * log_snr))


def _alpha_bar(log_snr: float) -> float:
    """The fraction of the variance that is signal."""
    return 1.0 / (1.0 + math.exp(-log_snr))
