r"""The interface of a noise schedule, the curve $\lambda(t)$ of the log-SNR."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

_BISECTIONS = 60
_CHECKED_TIMES = 1001


class NoiseSchedule(ABC):
    """A strictly decreasing log-SNR curve on [0, 1], finite at both ends.

    The one exception is a schedule that says `has_zero_terminal_snr`: its curve falls to
    minus infinity at t = 1 exactly, where no signal is left.

    A subclass writes `log_snr`, in the precision of the time that it is given. Near t = 1
    it works with `1 - t`, which is exact there, and adds terms of one sign: a difference of
    two numbers that are almost equal would cost float32 its digits. Its constructor ends
    with `check_curve`.
    """

    has_zero_terminal_snr: bool = False

    @abstractmethod
    def log_snr(self, t: Tensor) -> Tensor:
        r"""The curve $\lambda(t)$.

        Shapes:
            t: (*) -> (*)
        """

    @property
    def terminal_log_snr(self) -> float:
        r"""$\lambda(1)$: how much signal is left where sampling starts; may be -inf."""
        with torch.no_grad():
            return float(self.log_snr(torch.ones((), dtype=torch.float64)))

    def slope(self, t: Tensor) -> Tensor:
        r"""$d\lambda/dt$, by differentiating the curve.

        A schedule with parameters keeps the graph, so that the slope can be learned.

        Shapes:
            t: (*) -> (*)
        """
        learned = isinstance(self, torch.nn.Module) and torch.is_grad_enabled()
        with torch.enable_grad():
            point = t.detach().clone().requires_grad_()
            curve = self.log_snr(point)
            (slope,) = torch.autograd.grad(curve.sum(), point, create_graph=learned)
        return slope

    @torch.no_grad()
    def time(self, log_snr: Tensor) -> Tensor:
        r"""The time at which the curve has a value; the nearest end where it has none.

        By bisection in float64, so it holds for every curve.

        Shapes:
            log_snr: (*) -> (*) float64
        """
        wanted = log_snr.to(torch.float64)
        low, high = torch.zeros_like(wanted), torch.ones_like(wanted)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            is_early = self.log_snr(middle) > wanted
            low = torch.where(is_early, middle, low)
            high = torch.where(is_early, high, middle)
        first, last = self.log_snr(wanted.new_tensor((0.0, 1.0)))
        time = torch.where(wanted >= first, 0.0, 0.5 * (low + high))
        return torch.where(wanted <= last, 1.0, time)

    @torch.no_grad()
    def check_curve(self) -> None:
        """Refuse arguments so extreme that the curve breaks in floating point.

        On a grid of times the curve must be finite and strictly decreasing in float64, and
        finite and nowhere rising in float32 (t = 1 aside, where the terminal SNR is zero).

        Raises:
            ValueError: it is not; with the first time at which it goes wrong.
        """
        t = torch.linspace(0, 1, _CHECKED_TIMES, dtype=torch.float64)
        t = t[:-1] if self.has_zero_terminal_snr else t
        exact, single = self.log_snr(t), self.log_snr(t.float())
        broken = ~(exact.isfinite() & single.isfinite())
        broken[1:] |= ~(exact.diff() < 0) | ~(single.diff() <= 0)
        if broken.any():
            first = float(t[broken][0])
            raise ValueError(
                f"the curve of this {type(self).__name__} is not finite and strictly"
                f" decreasing at t = {first:g}: its arguments are too extreme, or too close"
            )
