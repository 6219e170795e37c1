"""Importance sampling of times in proportion to the size of the loss."""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least
from snowmelt.common.bounds import Count, Few, Fraction
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.time_sampling.time_sampler import TimeSampler
from snowmelt.diffusion.time_sampling.uniform import spread


class Importance(TimeSampler):
    r"""Draws each interval of time in proportion to the root mean square of its losses.

    Time is divided into K buckets. The last H losses of each are remembered, and bucket k
    is drawn with the probability

    $$p_k = (1 - f)\,\frac{\sqrt{\mathrm{E}[L_k^2]}}{\sum_j \sqrt{\mathrm{E}[L_j^2]}}
            + \frac{f}{K},$$

    which for $f = 0$ has the least variance of all; the floor f bounds every weight. A loss
    has the weight $1/(p_k K)$, so the mean stays that of uniform times. Until every bucket
    has its H losses the times are uniform. Within the batch they are stratified, each
    through the inverse of the distribution function.

    Args:
        buckets: K.
        history: H.
        floor: f, the share of the draws that stays uniform.

    Raises:
        ValueError: fewer than one bucket or one loss, or a floor outside (0, 1].

    References:
        Nichol & Dhariwal (2021), arXiv:2102.09672, section 3.3 and eq. 18; there a bucket
        is a step of the chain and H = 10; the floor is in their program.
    """

    learns = True
    remembered: Tensor
    counts: Tensor

    def __init__(
        self, buckets: Count = 100, history: Few = 10, floor: Fraction = 1e-3
    ) -> None:
        super().__init__()
        check_at_least(1, buckets=buckets, history=history)
        if not 0.0 < floor <= 1.0:
            raise ValueError(f"floor must lie in (0, 1], got {floor}")
        self.buckets = buckets
        self.history = history
        self.floor = floor
        empty = torch.zeros(buckets, history, dtype=torch.float64)
        self.register_buffer("remembered", empty)
        self.register_buffer("counts", torch.zeros(buckets, dtype=torch.int64))

    def probabilities(self) -> Tensor:
        """The probability of each bucket. Shapes: -> (K,) float64"""
        uniform = torch.full_like(self.remembered[:, 0], 1.0 / self.buckets)
        size = self.remembered.square().mean(1).sqrt()
        if int(self.counts.min()) < self.history or not float(size.sum()) > 0.0:
            return uniform
        return (1.0 - self.floor) * size / size.sum() + self.floor * uniform

    def forward(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int, process: Process
    ) -> tuple[Tensor, Tensor]:
        probability = self.probabilities().to(slot.device)
        upto = probability.cumsum(0)
        drawn = spread(slot, batch_size, seed, step)
        bucket = torch.searchsorted(upto, drawn, right=True).clamp(max=self.buckets - 1)
        chance = probability[bucket]
        # How far into its bucket: the distribution function is straight within.
        within = ((drawn - (upto[bucket] - chance)) / chance).clamp(0.0, 1.0)
        weights = 1.0 / (chance * self.buckets)
        return (bucket + within) / self.buckets, weights.to(torch.float32)

    @torch.no_grad()
    def update(self, t: Tensor, losses: Tensor) -> None:
        bucket = (t * self.buckets).floor().long().clamp(0, self.buckets - 1)
        in_bucket = torch.nn.functional.one_hot(bucket, self.buckets)
        # The number of each loss within its bucket; the last H of a bucket are kept.
        rank = in_bucket.cumsum(0).gather(1, bucket[:, None])[:, 0] - 1
        is_kept = rank >= in_bucket.sum(0)[bucket] - self.history
        place = (self.counts[bucket] + rank) % self.history
        kept = losses.to(torch.float64)[is_kept]
        self.remembered[bucket[is_kept], place[is_kept]] = kept
        self.counts += in_bucket.sum(0)
