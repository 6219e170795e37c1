"""What a schedule is."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

_BISECTIONS = 60


class NoiseSchedule(ABC):
    """A strictly decreasing log-SNR curve on [0, 1], finite at both ends.

    The one exception is a schedule that says `has_zero_terminal_snr`: its curve falls to
    minus infinity at t = 1 exactly, where no signal is left.
    """

    has_zero_terminal_snr: bool = False

    @abstractmethod
    def log_snr(self, t: Tensor) -> Tensor:
        r"""The curve $\lambda(t)$.

        Shapes:
            t: (*) -> (*)
        """

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
            low, high = torch.where(is_early, middle, low), torch.where(is_early, high, middle)
        first, last = self.log_snr(torch.zeros_like(low)), self.log_snr(torch.ones_like(low))
        time = torch.where(wanted >= first, torch.zeros_like(low), 0.5 * (low + high))
        return torch.where(wanted <= last, torch.ones_like(low), time)
