"""The exponential moving average of a network's weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn


class _Pairs:
    """The tensors of an average and of its network, listed once.

    To walk through all modules at every step takes longer than to average.
    """

    def __init__(self, average: nn.Module, net: nn.Module) -> None:
        self.of = net
        self.weights: tuple[list[Tensor], list[Tensor]] = (
            list(average.parameters()),
            list(net.parameters()),
        )
        self.buffers = list(zip(average.buffers(), net.buffers(), strict=True))


class EMA(nn.Module):
    r"""A copy of a network whose weights are an exponential moving average of the first's.

    After optimiser step $k$ its weights move to $w' + (1 - d_k)(w - w')$, with

    $$d_k = \min(d,\ 1 - (1 + k)^{-p}),$$

    so that the average forgets the random initial weights even in a short run, and reaches
    the decay $d$ in a long one. Buffers are copied, since the average of a table or of a
    count has no meaning.

    Args:
        net: the network to follow; it is copied.
        decay: $d$, the largest decay, in [0, 1).
        warmup_power: $p$, in (0, 1].

    References:
        Karras et al. (2024), arXiv:2312.02696, section 3, on the length of the average.
    """

    def __init__(self, net: nn.Module, decay: float, warmup_power: float) -> None:
        super().__init__()
        self.decay = decay
        self.warmup_power = warmup_power
        self.net = copy.deepcopy(net).requires_grad_(False).eval()
        self._pairs: _Pairs | None = None

    def decay_at(self, place: float) -> float:
        """The decay of a step that ends at a place; see `snowmelt.training.budget`."""
        return min(self.decay, 1.0 - (1.0 + place) ** -self.warmup_power)

    @torch.no_grad()
    def update(self, net: nn.Module, before: float, after: float) -> None:
        """Move towards the weights of `net` after a step from one place to another.

        A step of a training of steps goes to the next whole number; a longer or a shorter
        one forgets accordingly.
        """
        decay = self.decay_at(after) ** (after - before)
        if self._pairs is None or self._pairs.of is not net:
            self._pairs = _Pairs(self.net, net)
        averages, weights = self._pairs.weights
        torch._foreach_lerp_(averages, weights, 1.0 - decay)
        for mine, theirs in self._pairs.buffers:
            mine.copy_(theirs)

    def _apply(self, *given: Any, **named: Any) -> EMA:
        """Moving to a device makes new buffers."""
        self._pairs = None
        return super()._apply(*given, **named)

    def train(self, mode: bool = True) -> EMA:
        """The average is never trained: it stays in evaluation mode."""
        return super().train(False)
