"""What a network is to the rest of the package."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Net(nn.Module, ABC):
    """A network that answers in the shape of its input.

    A subclass takes the event shape as its argument `shape` and raises ValueError for one
    that it cannot serve; every other argument comes from its file in conf/net/.
    """

    @abstractmethod
    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        """Shapes: x: (B, *D) of about unit variance, log_snr: (B,) -> (B, *D)"""
