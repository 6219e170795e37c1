"""The interface of a time sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from snowmelt.diffusion.processes import Process


class TimeSampler(nn.Module, ABC):
    """Draws a time for every example of a batch, and the weight of its loss.

    It is a torch module, so its buffers are saved and restored with a training.
    """

    learns: bool = False
    """Whether it needs the losses of every step, by `update`."""

    @abstractmethod
    def forward(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int, process: Process
    ) -> tuple[Tensor, Tensor]:
        """Times, and weights that keep the expectation of the loss what uniform times give.

        Args:
            slot: places in the batch of all processes together.
            batch_size: of all processes together.
            seed, step: key the randomness.
            process: by which the time of a noise level is found.

        Shapes:
            slot: (B,) -> times (B,) float64, weights (B,) float32
        """

    def update(self, t: Tensor, losses: Tensor) -> None:
        """Learn from the losses of a step, given without their weights.

        Every process must pass the losses of all processes, in the same order.

        Shapes:
            t, losses: (N,), N the batch of all processes together
        """
