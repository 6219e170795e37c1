"""The interface of a sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor

from snowmelt.common.argument_checks import check_at_least
from snowmelt.common.bounds import Count
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, expand
from snowmelt.sampling.samplers.grids import Grid, Trailing
from snowmelt.sampling.samplers.thresholds import Threshold

Watcher = Callable[[int, Tensor, Tensor], None]
Start = Callable[[Tensor], Tensor]
Memory = dict[str, Any]


class Sampler(ABC):
    """A rule for one step from a time to an earlier one, on a grid of times.

    Args:
        steps: times of the grid.
        grid: where they lie; None: equally spaced, from pure noise.
        threshold: applied to every estimate of the data; None: none.

    Raises:
        ValueError: fewer than one step.
    """

    order: int
    """The declared order of convergence in the step size."""

    draws: int = 0
    """How many independent normal draws one step uses; none: it is deterministic."""

    needs_finite_slope: bool = False
    """Whether no step can start without signal: it is made of the slope of the log-SNR, as
    those of differential equations in time are, or divides by alpha, as EDM's does."""

    holds_slope: bool = False
    """Whether a step holds a slope in time over its whole length, and so explodes where the
    rate times that length is large; other rules solve the linear part exactly."""

    walks_bridges: bool = False
    """Whether the noise that it adds may be that of a bridge, whose score is another."""

    needs_learned_variance: bool = False
    """Whether the network must answer a variance beside its prediction."""

    def __init__(
        self, steps: Count, grid: Grid | None = None, threshold: Threshold | None = None
    ) -> None:
        check_at_least(1, steps=steps)
        self.steps = steps
        self.grid = Trailing() if grid is None else grid
        self.threshold = threshold

    @property
    def evaluations(self) -> int:
        """Calls of the network for one sample."""
        return self.steps

    def repeated_evaluations(self, turns: int) -> int:
        """The same where every step but the last is taken several times in turn."""
        return (self.evaluations - 1) * turns + 1

    def times(self, process: Process) -> Tensor:
        """The grid of this sampler for a process. Shapes: -> (steps,) float64

        Raises:
            ValueError: the grid has no such number of times, or not for this process; or
                the sampler cannot take its first step there.
        """
        times = self.grid.times(self.steps, process)
        no_signal = process.schedule.has_zero_terminal_snr and float(times[0]) == 1.0
        if self.needs_finite_slope and no_signal:
            raise ValueError(
                f"{type(self).__name__} needs the slope of the log-SNR, which is infinite"
                " at t = 1 of a schedule with zero terminal SNR: take another schedule, a"
                " DDIM or DDPM, or a grid that starts before"
            )
        return times

    def estimates(
        self, denoiser: Denoiser, x_t: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The estimate of the data within its threshold, and the noise that goes with it.

        Shapes:
            x_t: (B, *D), t: () -> x_0_hat (B, *D), eps_hat (B, *D)
        """
        if self.threshold is not None and isinstance(denoiser, BridgeDenoiser):
            x_0_hat, x_1_hat, z_hat = denoiser.bridge(x_t, t)
            return self.thresholded(x_0_hat, x_1_hat, denoiser, x_t, t, z_hat)
        return self.thresholded(*denoiser.estimates(x_t, t), denoiser, x_t, t)

    def thresholded(
        self,
        x_0_hat: Tensor,
        eps_hat: Tensor,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        z_hat: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Both estimates after the threshold: `x_t` stays what they add up to.

        Args:
            z_hat: the noise on the way of a bridge, whose estimate of the data is not that
                of the effective end, which no range holds.
        """
        if self.threshold is None:
            return x_0_hat, eps_hat
        if z_hat is None:
            kept = self.threshold(x_0_hat)
        else:
            assert isinstance(denoiser, BridgeDenoiser)
            data = denoiser.data(x_0_hat, z_hat, t)
            kept = x_0_hat + (self.threshold(data) - data)
        # Not (x_t - alpha * kept) / sigma: near the data sigma is so small that the
        # rounding of x_t alone would spoil the noise, even where nothing was cut.
        alpha, sigma = denoiser.process.alpha(t), denoiser.process.sigma(t)
        return kept, eps_hat + expand(alpha / sigma, x_t) * (x_0_hat - kept)

    @abstractmethod
    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        """The state at an earlier time.

        Args:
            noise: standard normal, one for each of `draws`.
            memory: what this sampler left there at earlier steps of the same trajectory;
                empty at the first.

        Shapes:
            x_t: (B, *D), t, s: () with s < t, noise: (draws, B, *D) -> (B, *D)
        """

    def last(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> Tensor:
        """The data, from the state at the last time of the grid; no noise is added.

        Shapes:
            x_t: (B, *D), t: () -> (B, *D)
        """
        return self.estimates(denoiser, x_t, t)[0]


class WholePath(Sampler):
    """A sampler that chooses its own steps, and so integrates the whole path by itself."""

    @abstractmethod
    def integrate(
        self,
        denoiser: Denoiser,
        index: Tensor,
        start: Start,
        watch: Watcher | None = None,
    ) -> Tensor:
        """The data for each index.

        Args:
            start: the state at the first time for any index, asked for or not.
            watch: called as by `sample`.

        Shapes:
            index: (B,), start: (M,) -> (M, *D); gives (B, *D)
        """
