r"""Schedules that transform another schedule.

They are torch modules, so that the parameters of a learned schedule inside are found.
"""

from __future__ import annotations

import math
from abc import ABC

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from snowmelt.common.argument_checks import check_positive
from snowmelt.common.bounds import Positive
from snowmelt.diffusion.noise_schedule import NoiseSchedule

_NEAREST = 2.0**-40


class _Transformed(NoiseSchedule, nn.Module, ABC):
    """Keeps the schedule `of` that is transformed."""

    def __init__(self, of: NoiseSchedule) -> None:
        super().__init__()
        self.of = of


class InputScaled(_Transformed):
    r"""The signal is scaled by a factor before the noise comes on top.

    With data $b\,x_0$ in place of $x_0$ the signal-to-noise ratio is $b^2$ times the old:

    $$\lambda(t) = \lambda_{of}(t) + 2 \log b.$$

    Large images hold the same detail in more pixels, so that they need more noise to be
    destroyed; a scale below 1 is the simplest way to give it. Data itself stays as it is:
    the process takes its scales from this curve, which keeps the variance in check.

    Args:
        of: the schedule that is shifted.
        scale: $b$; below 1 for more noise at every time.

    Raises:
        ValueError: `scale` is not positive.

    References:
        Chen (2023), arXiv:2301.10972, its second strategy.
    """

    def __init__(self, of: NoiseSchedule, scale: Positive = 0.5) -> None:
        super().__init__(of)
        check_positive(scale=scale)
        self.shift = 2 * math.log(scale)
        self.has_zero_terminal_snr = of.has_zero_terminal_snr
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        return self.of.log_snr(t) + self.shift

    def slope(self, t: Tensor) -> Tensor:
        return self.of.slope(t)

    def time(self, log_snr: Tensor) -> Tensor:
        return self.of.time(log_snr.to(torch.float64) - self.shift)


class ZeroTerminal(_Transformed):
    r"""No signal is left at t = 1: the last time is pure noise, as sampling assumes.

    The scale of the signal $a = \sqrt{\bar\alpha}$ is shifted to reach 0 and stretched to
    stay what it was at the data,

    $$\tilde a(t) = a(0)\,\frac{a(t) - a(1)}{a(0) - a(1)}, \qquad
      \lambda(t) = \log\frac{\tilde a^2}{1 - \tilde a^2},$$

    so $\lambda(1) = -\infty$ exactly. A network that predicts `eps` or the score learns
    nothing of the image there; it has to predict x_0 or v, and sampling has to start at the
    last time.

    Differences of two scales are taken as products,
    $a(s)^2 - a(t)^2 = S(\lambda_s)\,S(-\lambda_t)\,(1 - e^{\lambda_t - \lambda_s})$, in
    float64 whatever the time comes in, so that digits last up to t = 1.

    Args:
        of: the schedule that is rescaled.

    Raises:
        ValueError: `of` has no signal at its end already.

    References:
        Lin, Liu, Li & Yang (2024), arXiv:2305.08891, algorithm 1.
    """

    has_zero_terminal_snr = True

    def __init__(self, of: NoiseSchedule) -> None:
        super().__init__(of)
        if of.has_zero_terminal_snr:
            raise ValueError(f"of has zero terminal SNR already, got {type(of).__name__}")
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        log_scale, noise = self._log_scale_and_noise(t.to(torch.float64))
        return (2 * log_scale - torch.log(noise)).to(t.dtype)

    def slope(self, t: Tensor) -> Tensor:
        r"""$d\lambda/dt = 2\tilde a' / (\tilde a\,(1 - \tilde a^2))$.

        With $\tilde a'/\tilde a = a'/(a - a(1))$ and
        $a' = \tfrac12 a\,S(-\lambda_{of})\,\lambda'_{of}$; -inf at t = 1.

        Shapes:
            t: (*) -> (*)
        """
        time = t.to(torch.float64)
        level, (_, last) = self.of.log_snr(time), self._ends(time)
        _, noise = self._log_scale_and_noise(time)
        log_shrink = 0.5 * logsigmoid(level) + logsigmoid(-level)
        shrink = torch.exp(log_shrink - _log_difference(self._drop(time), level, last))
        return (self.of.slope(time) * shrink / noise).to(t.dtype)

    def _log_scale_and_noise(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The logarithm of the rescaled signal's scale, and the variance that it leaves."""
        level, (first, last) = self.of.log_snr(t), self._ends(t)
        log_stretch = 0.5 * logsigmoid(first) - _log_difference(first - last, first, last)
        log_scale = _log_difference(self._drop(t), level, last) + log_stretch
        scale, scale_last = torch.exp(log_scale), torch.exp(0.5 * logsigmoid(last))
        # 1 - a~^2 = (1 - a^2) + (a - a~)(a + a~), where
        # a - a~ = (a(0) - a) a(1) / (a(0) - a(1)): no term is negative
        scale_of = torch.exp(0.5 * logsigmoid(level))
        scale_first = torch.exp(0.5 * logsigmoid(first))
        gap = -torch.sigmoid(first) * torch.sigmoid(-level) * torch.expm1(level - first)
        lost = gap / (scale_first + scale_of) * scale_last / scale_first
        lost = lost * torch.exp(log_stretch)
        return log_scale, torch.sigmoid(-level) + lost * (scale_of + scale)

    def _drop(self, t: Tensor) -> Tensor:
        """How far the inner curve still falls, in log-SNR; 0 at t = 1 alone.

        So near to the end that the curve's own digits run out, its chord stands for it.
        """
        before = torch.clamp(t, max=1 - _NEAREST)
        drop = self.of.log_snr(before) - self._ends(t)[1]
        return drop * ((1 - t) / (1 - before))

    def _ends(self, t: Tensor) -> tuple[Tensor, Tensor]:
        first, last = self.of.log_snr(t.new_tensor((0.0, 1.0)))
        return first, last


def _log_difference(drop: Tensor, high: Tensor, low: Tensor) -> Tensor:
    r"""$\log(\sqrt{S(h)} - \sqrt{S(l)})$ for log-SNRs $h = l + drop$; -inf for no drop."""
    log_high, log_low = 0.5 * logsigmoid(high), 0.5 * logsigmoid(low)
    log_sum = log_high + torch.log1p(torch.exp(log_low - log_high))
    squares = 2 * log_high + logsigmoid(-low) + torch.log(-torch.expm1(-drop))
    return squares - log_sum
