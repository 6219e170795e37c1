"""Averages of a network's weights, which move with each step of its training."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from snowmelt.training.weight_sets.power_average import exponent


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


class Average(nn.Module, ABC):
    """A copy of a network whose weights are an average of the first's.

    Buffers are copied, since the average of a table or of a count has no meaning.

    Args:
        net: the network to follow; it is copied.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).requires_grad_(False).eval()
        self._pairs: _Pairs | None = None

    @abstractmethod
    def kept(self, before: float, after: float) -> float:
        """The share of the average that a step from one place to another leaves.

        Places are those of `snowmelt.training.budget`: a step of a training of steps goes
        to the next whole number; a longer or a shorter one forgets accordingly.
        """

    @torch.no_grad()
    def update(self, net: nn.Module, before: float, after: float) -> None:
        """Move towards the weights of `net` after a step from one place to another."""
        if self._pairs is None or self._pairs.of is not net:
            self._pairs = _Pairs(self.net, net)
        averages, weights = self._pairs.weights
        torch._foreach_lerp_(averages, weights, 1.0 - self.kept(before, after))
        for mine, theirs in self._pairs.buffers:
            mine.copy_(theirs)

    def _apply(self, *given: Any, **named: Any) -> Average:
        """Moving to a device makes new buffers."""
        self._pairs = None
        return super()._apply(*given, **named)

    def train(self, mode: bool = True) -> Average:
        """The average is never trained: it stays in evaluation mode."""
        return super().train(False)


class EMA(Average):
    r"""The exponential moving average.

    After optimiser step $k$ its weights move to $w' + (1 - d_k)(w - w')$, with

    $$d_k = \min(d,\ 1 - (1 + k)^{-p}),$$

    so that the average forgets the random initial weights even in a short run, and reaches
    the decay $d$ in a long one.

    Args:
        net: the network to follow.
        decay: $d$, the largest decay, in [0, 1).
        warmup_power: $p$, in (0, 1].

    References:
        Karras et al. (2024), arXiv:2312.02696, section 3, on the length of the average.
    """

    def __init__(self, net: nn.Module, decay: float, warmup_power: float) -> None:
        super().__init__(net)
        self.decay = decay
        self.warmup_power = warmup_power

    def decay_at(self, place: float) -> float:
        """The decay of a step of length 1 that ends at a place."""
        return min(self.decay, 1.0 - (1.0 + place) ** -self.warmup_power)

    def kept(self, before: float, after: float) -> float:
        return self.decay_at(after) ** (after - before)


class PowerEMA(Average):
    r"""The average of power-function profile, as `weight_sets.power_average` defines it.

    A step from place $s$ to $t$ leaves $(s / t)^{\gamma + 1}$ of it, so the first leaves
    nothing of the initial weights.

    Args:
        net: the network to follow.
        sigma_rel: the length of the average.
    """

    def __init__(self, net: nn.Module, sigma_rel: float) -> None:
        super().__init__(net)
        self.sigma_rel = sigma_rel
        self._power = exponent(sigma_rel) + 1.0

    def kept(self, before: float, after: float) -> float:
        return (before / after) ** self._power
