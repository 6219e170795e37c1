r"""Time grids: the times at which a sampler evaluates the network.

A grid gives one time for each evaluation, from noise down; from the last of them a sampler
steps to the data itself. Index $i = 0 \dots T-1$ of a discrete chain, at which $i + 1$
noising steps were taken, is the time $(i + 1)/T$. Grids of a chain hand the network times
that it was trained on; the others know of no chain.

References:
    Lin et al. (2024), arXiv:2305.08891, table 2 (leading, linspace, trailing);
    Karras et al. (2022), arXiv:2206.00364, eq. 5;
    Lu et al. (2022), arXiv:2206.00927, section 3.3 (uniform in log-SNR).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from snowmelt.common.argument_checks import check_positive
from snowmelt.common.bounds import Count, Positive
from snowmelt.diffusion.processes import Process


class Grid(ABC):
    """A rule for the times of a given number of steps."""

    @abstractmethod
    def times(self, steps: int, process: Process) -> Tensor:
        """Strictly decreasing times in [0, 1].

        Shapes:
            -> (steps,) float64

        Raises:
            ValueError: the grid has no such number of times, or not for this process.
        """


class Trailing(Grid):
    r"""Equally spaced times from 1 down to $1/N$: the one grid that starts from pure noise
    and ends one step before the data, whatever N.

    The chain of Ho et al. visits its N indices in the same way.
    """

    def times(self, steps: int, process: Process) -> Tensor:
        return torch.arange(steps, 0, -1, dtype=torch.float64) / steps


class ChainGrid(Grid):
    """Times at which a discrete chain has an index.

    Args:
        chain_steps: T, of the chain that the network was trained on.

    Raises:
        ValueError: `chain_steps` is not a whole number from 1 up.
    """

    def __init__(self, chain_steps: Count = 1000) -> None:
        if chain_steps < 1 or chain_steps != int(chain_steps):
            raise ValueError(
                f"chain_steps must be a whole number of at least 1, got {chain_steps}"
            )
        self.chain_steps = int(chain_steps)

    def times(self, steps: int, process: Process) -> Tensor:
        if steps > self.chain_steps:
            raise ValueError(
                f"steps must be at most chain_steps = {self.chain_steps}, the indices there"
                f" are, got {steps}"
            )
        return (self.indices(steps) + 1).to(torch.float64) / self.chain_steps

    @abstractmethod
    def indices(self, steps: int) -> Tensor:
        """Strictly decreasing indices from 0 to T - 1. Shapes: -> (steps,) int64"""


class Leading(ChainGrid):
    r"""Every $\lfloor T/N \rfloor$-th index from 0 up, as DDPM and DDIM are often run.

    It does not start from the noise: 10 of 1000 steps start at index 900, with a state of
    pure noise that the network takes for one with some signal; and a single step starts
    next to the data. It is here to compare with; `Trailing` has no such flaw.
    """

    def indices(self, steps: int) -> Tensor:
        return torch.arange(steps - 1, -1, -1) * (self.chain_steps // steps)


class Linspace(ChainGrid):
    """Both ends, index T - 1 and index 0, and equal strides between, rounded to indices.

    The last evaluation is spent next to the data. A single step is taken at index T - 1.
    """

    def indices(self, steps: int) -> Tensor:
        last = self.chain_steps - 1
        return torch.linspace(last, 0, steps, dtype=torch.float64).round().to(torch.int64)


class LevelGrid(Grid):
    """Noise levels by a rule, from that of t = 1 to that of t = 0."""

    @torch.no_grad()
    def times(self, steps: int, process: Process) -> Tensor:
        if process.schedule.has_zero_terminal_snr:
            raise ValueError(
                f"the {type(self).__name__} grid spaces noise levels from the one at t = 1,"
                " which is infinite at zero terminal SNR: take grid=trailing"
            )
        ends = torch.tensor([1.0, 0.0], dtype=torch.float64, device=_device(process))
        first, last = process.log_snr(ends).tolist()
        share = torch.linspace(0, 1, steps, dtype=torch.float64, device=ends.device)
        times = process.time(self.log_snr(share, first, last))
        # The ends are known exactly; the inverse would round them.
        times[-1], times[0] = 0.0, 1.0
        if (times.diff() >= 0).any():
            raise ValueError(
                f"steps={steps} is too many for the {type(self).__name__} grid of this"
                " schedule: two of its times are the same number"
            )
        return times.cpu()

    @abstractmethod
    def log_snr(self, share: Tensor, first: float, last: float) -> Tensor:
        """The log-SNR at a share of the way from the first level to the last.

        Shapes:
            share: (steps,) in [0, 1] -> (steps,)
        """


class Karras(LevelGrid):
    r"""Noise levels whose $\rho$-th roots are equally spaced: more steps near the data.

    With $r = \sigma/\alpha$, which is what EDM calls sigma, and $i = 0 \dots N-1$,

    $$r_i = \Big(r_{max}^{1/\rho} + \tfrac{i}{N-1}
      \big(r_{min}^{1/\rho} - r_{max}^{1/\rho}\big)\Big)^\rho.$$

    Args:
        rho: 7 in the paper; 1 spaces the levels equally, infinity would the log-SNR.

    Raises:
        ValueError: `rho` is not positive and finite.

    References:
        Karras et al. (2022), arXiv:2206.00364, eq. 5.
    """

    def __init__(self, rho: Positive = 7.0) -> None:
        check_positive(rho=rho)
        self.rho = rho

    def log_snr(self, share: Tensor, first: float, last: float) -> Tensor:
        # r = exp(-log_snr / 2), and its root is taken in the exponent.
        ends = torch.tensor([first, last], dtype=share.dtype, device=share.device)
        largest, smallest = torch.exp(-0.5 * ends / self.rho)
        root = (1.0 - share) * largest + share * smallest
        return -2.0 * self.rho * torch.log(root)


class LogSNR(LevelGrid):
    """Times equally spaced in log-SNR, as DPM-Solver uses at low resolution."""

    def log_snr(self, share: Tensor, first: float, last: float) -> Tensor:
        return (1.0 - share) * first + share * last


def _device(process: Process) -> torch.device | None:
    """Where a learned schedule has its weights."""
    schedule = process.schedule
    if isinstance(schedule, nn.Module):
        return next((weight.device for weight in schedule.parameters()), None)
    return None
