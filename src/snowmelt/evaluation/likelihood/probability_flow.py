r"""The likelihood of the probability-flow ODE, exact up to the error of its solver.

A deterministic flow transports the data's density to the prior's. Along a trajectory
$\dot x = f(x)$ the density obeys $\tfrac{d}{dt}\log p = -\nabla\cdot f$, hence

$$\log p_0(x_0) = \log p_1(x_1) + \int_0^1 \nabla\cdot f\,dt.$$

The flow is solved in unit coordinates $u = x/\rho$, $\rho^2 = \alpha^2 + \sigma^2$, and in
the log-SNR instead of the time. There it is one equation for every process and schedule,

$$\frac{du}{d\lambda}
  = \tfrac12 \sigma_\lambda^2\,u - \tfrac12 \sigma_\lambda\,\hat\epsilon(u),
  \qquad \sigma_\lambda^2 = \frac{1}{1 + e^\lambda},$$

whose coefficients stay of order one, so that few equal steps in $\lambda$ suffice where
many steps in t would be needed. In $D$ dimensions the scales enter as
$\log p(x) = \log p(u) - D\log\rho$.

Points are used as the state at the first time, although they lack the noise of that time;
how pixels become a state is said in `dequantisation`.

References:
    Song et al. (2021), arXiv:2011.13456, section 4.3 and appendix D.2;
    Chen et al. (2018), arXiv:1806.07366, theorem 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.common.bounds import BelowOne, Count
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.likelihood.dequantisation import Dequantisation, Noise, State
from snowmelt.evaluation.likelihood.divergences import (
    Divergence,
    Rademacher,
    with_divergence,
)
from snowmelt.evaluation.likelihood.value_kinds import Levels, Values, bits_per_dim


class ProbabilityFlow:
    """The likelihood above, by the classical Runge-Kutta method of fourth order.

    Args:
        steps: equal steps in log-SNR; four calls of the network each, and half as many
            once more for the estimate of the error.
        divergence: exact or by random probes.
        first_time: the time that points are taken for, and the earliest that the network is
            asked about.
        dequantisation: of data of levels; None: `Noise`.

    Raises:
        ValueError: an odd number of steps, or a first time outside [0, 1).
    """

    order = 4

    def __init__(
        self,
        steps: Count = 64,
        divergence: Divergence | None = None,
        first_time: BelowOne = 0.0,
        dequantisation: Dequantisation | None = None,
    ) -> None:
        if steps < 2 or steps % 2:
            raise ValueError(f"steps must be even and at least 2, got {steps}")
        if not 0.0 <= first_time < 1.0:
            raise ValueError(f"first_time must lie in [0, 1), got {first_time}")
        self.steps = steps
        self.divergence = Rademacher() if divergence is None else divergence
        self.first_time = first_time
        self.start = Noise() if dequantisation is None else dequantisation

    def check(self, denoiser: Denoiser) -> None:
        """Refuse a model whose flow has no end.

        Raises:
            ValueError: the schedule has zero terminal SNR.
        """
        if denoiser.process.schedule.has_zero_terminal_snr:
            raise ValueError(
                "the flow of a schedule with zero terminal SNR takes infinitely long in"
                " log-SNR, and its slope at t = 1 is infinite: measure the bound instead,"
                " or take a schedule that leaves some signal"
            )

    def measure(
        self, denoiser: Denoiser, x_0: Tensor, index: Tensor, values: Values, *, seed: int
    ) -> tuple[Tensor, Tensor]:
        """Bits a dimension of each example, and their change with half as many steps.

        The change is the difference, not its absolute value. The solver is of fourth order,
        so what is left in the bits is about a fifteenth of it. Noise and probes are keyed
        by (seed, index).

        Shapes:
            x_0: (B, *D), index: (B,) int64 -> (B,), (B,)

        Raises:
            ValueError: see `check`, or the data is not of the kind that `values` says.
        """
        begun = self._begin(denoiser, x_0, index, values, seed)
        log_prob, coarse = self.log_prob(
            denoiser, begun.x, index, seed=seed, time=begun.time
        )
        nats = begun.nats - log_prob
        return bits_per_dim(nats, x_0), bits_per_dim(coarse - log_prob, x_0)

    def first_time_of(self, process: Process, values: Values) -> float:
        """The time at which the flow begins for such data."""
        if not isinstance(values, Levels):
            return self.first_time
        return self.start.time(process, values, self.first_time)

    def _begin(
        self, denoiser: Denoiser, x_0: Tensor, index: Tensor, values: Values, seed: int
    ) -> State:
        if isinstance(values, Levels):
            return self.start.state(
                denoiser, x_0, index, values, first_time=self.first_time, seed=seed
            )
        nats = x_0.new_full((len(x_0),), values.offset * x_0[0].numel()).double()
        return State(x_0, self.first_time, nats)

    @torch.no_grad()
    def log_prob(
        self,
        denoiser: Denoiser,
        x: Tensor,
        index: Tensor,
        *,
        seed: int,
        time: float | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The model's log-density in nats, with all and with half of the steps.

        Args:
            time: that x belongs to; None: the first.

        Shapes:
            x: (B, *D), index: (B,) -> (B,) float64, (B,) float64

        Raises:
            ValueError: see `check`.
        """
        self.check(denoiser)
        probes = self.divergence.probes(x, index, seed=seed)
        time = self.first_time if time is None else time
        fine, coarse = (
            self._solve(denoiser, x, probes, time, steps)
            for steps in (self.steps, self.steps // 2)
        )
        return fine, coarse

    def _solve(
        self,
        denoiser: Denoiser,
        x: Tensor,
        probes: tuple[Tensor, float],
        time: float,
        steps: int,
    ) -> Tensor:
        """The log-density at `x`, a state of that time, with so many steps."""
        process = denoiser.process
        times, log_snrs = _grid(process, time, steps, x.device)
        scales = _scale(process, times)
        u, gained = x / scales[0].to(x.dtype), x.new_zeros(len(x), dtype=torch.float64)
        width = float(log_snrs[-1] - log_snrs[0]) / steps

        def slope(place: int, u: Tensor) -> tuple[Tensor, Tensor]:
            field = _Flow(denoiser, times[place], scales[place], log_snrs[place])
            return with_divergence(field, u, *probes)

        for place in range(0, 2 * steps, 2):
            k_1, d_1 = slope(place, u)
            k_2, d_2 = slope(place + 1, u + 0.5 * width * k_1)
            k_3, d_3 = slope(place + 1, u + 0.5 * width * k_2)
            k_4, d_4 = slope(place + 2, u + width * k_3)
            u = u + width / 6.0 * (k_1 + 2.0 * k_2 + 2.0 * k_3 + k_4)
            gained = gained + width / 6.0 * (d_1 + 2.0 * d_2 + 2.0 * d_3 + d_4)
        end = _normal_log_prob(u * scales[-1].to(u.dtype), process.prior_std())
        stretched = x[0].numel() * (torch.log(scales[-1]) - torch.log(scales[0]))
        return end + gained + stretched


def _grid(
    process: Process, time: float, steps: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Times and log-SNRs of the steps' ends and middles. Shapes: (2 * steps + 1,)"""
    ends = torch.tensor([time, 1.0], dtype=torch.float64, device=device)
    first, last = process.log_snr(ends)
    share = torch.linspace(0, 1, 2 * steps + 1, dtype=torch.float64, device=device)
    log_snrs = first + share * (last - first)
    times = process.time(log_snrs)
    times[0], times[-1] = ends
    return times, log_snrs


@dataclass(frozen=True)
class _Flow:
    """The field in unit coordinates at one log-SNR."""

    denoiser: Denoiser
    time: Tensor
    scale: Tensor
    log_snr: Tensor

    def __call__(self, u: Tensor) -> Tensor:
        sigma = torch.sigmoid(-self.log_snr).sqrt().to(u.dtype)
        eps_hat = self.denoiser.eps(u * self.scale.to(u.dtype), self.time)
        return 0.5 * sigma * (sigma * u - eps_hat)


def _scale(process: Process, times: Tensor) -> Tensor:
    r"""$\rho = \sqrt{\alpha^2 + \sigma^2}$. Shapes: (*) -> (*)"""
    return torch.hypot(process.alpha(times), process.sigma(times))


def _normal_log_prob(x: Tensor, std: float) -> Tensor:
    """Of the prior. Shapes: x: (B, *D) -> (B,) float64"""
    distance = (x.to(torch.float64) / std).square().flatten(1).sum(1)
    return -0.5 * distance - x[0].numel() * (math.log(std) + 0.5 * math.log(2.0 * math.pi))
