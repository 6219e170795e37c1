"""EDM's time sampler, whose noise levels are log-normal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_positive
from snowmelt.common.bounds import LogSNR, Positive
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.time_sampling.time_sampler import TimeSampler
from snowmelt.diffusion.time_sampling.uniform import spread


class LogNormal(TimeSampler):
    r"""EDM's noise levels: $\log\tilde\sigma \sim N(m, s^2)$ for the noise-to-signal ratio.

    With $\lambda = -2\log\tilde\sigma$ the process says at which time that is. A level that
    its schedule does not reach becomes the nearest end.

    The density of the levels is a part of EDM's loss, not a way to estimate another: the
    weights are 1, and the mean of the loss is over this density. It is the same for every
    schedule that covers the levels. Logged and held-out losses are therefore two different
    means: the held-out one is over uniform times.

    Args:
        mean: m.
        std: s.

    Raises:
        ValueError: `mean` is not finite, or `std` not positive and finite.

    References:
        Karras et al. (2022), arXiv:2206.00364, table 1: m = -1.2, s = 1.2.
    """

    def __init__(self, mean: LogSNR = -1.2, std: Positive = 1.2) -> None:
        super().__init__()
        if not math.isfinite(mean):
            raise ValueError(f"mean must be finite, got {mean}")
        check_positive(std=std)
        self.mean = mean
        self.std = std

    def forward(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int, process: Process
    ) -> tuple[Tensor, Tensor]:
        # Quantiles of the normal, stratified over the batch.
        quantile = torch.special.ndtri(spread(slot, batch_size, seed, step))
        log_snr = -2.0 * (self.mean + self.std * quantile)
        return process.time(log_snr), torch.ones(len(slot), device=slot.device)
