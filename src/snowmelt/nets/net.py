"""The interface of a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn


class Net(nn.Module, ABC):
    """A network that answers in the shape of its input.

    A subclass takes the event shape as its argument `shape` and raises ValueError for one
    that it cannot serve. Three more arguments say what it is for, and every other one comes
    from its file in conf/net/:

    - `inputs`: how many arrays of that shape it sees, one after the other along the first
      dimension of the event;
    - `outputs`: how many answers of the input's shape it gives, one after the other along
      the first dimension of the event;
    - `classes`: the number of classes that it is conditioned on; 0 for none.

    Attributes:
        ends: the parts at which numbers enter and leave the network; an optimiser of hidden
            matrices leaves them to another.
    """

    ends: ClassVar[tuple[str, ...]] = ("embedding", "first", "last")

    @abstractmethod
    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        """The answer, or answers.

        Shapes:
            x: (B, inputs * D_1, ...) of about unit variance, log_snr: (B,),
            labels: (B,) int64, -1 where there is none -> (B, outputs * D_1, ...)
        """
