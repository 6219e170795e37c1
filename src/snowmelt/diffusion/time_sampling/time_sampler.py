"""What a rule for the times of a training is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from snowmelt.diffusion.processes import Process


class TimeSampler(nn.Module, ABC):
    """A rule for the time of every example of a batch, and the weight of its loss.

    It is a module, so what it remembers in buffers is saved and restored with a training.
    """

    learns: bool = False
    """Whether it wants to be told the losses of every step, by `update`."""

    @abstractmethod
    def forward(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int, process: Process
    ) -> tuple[Tensor, Tensor]:
        """Times, and weights that keep the expectation of the loss what uniform times give.

        Args:
            slot: places in the batch of all processes together.
            batch_size: of all processes together.
            seed, step: key the randomness.
            process: what the times are for; to find the time of a noise level.

        Shapes:
            slot: (B,) -> times (B,) float64, weights (B,) float32
        """

    def update(self, t: Tensor, losses: Tensor) -> None:
        """Take note of the losses of a step, without their weights.

        Every process has to be told those of all, in the same order.

        Shapes:
            t, losses: (N,), N the batch of all processes together
        """
